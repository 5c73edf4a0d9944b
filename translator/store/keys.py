"""The names of the keys. A task's keys share a hash tag with its shard's, and so a Redis Cluster slot."""

from __future__ import annotations

from dataclasses import dataclass

from translator.workflow.names import shard

SHARDS = "translator:shards"
"""How many shards the data was split into, which decides where each task is."""


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The keys of one shard."""

    shard: int

    @property
    def inbox(self) -> str:
        """Sorted set of the tasks that wait for submission."""
        return f"translator:{{{self.shard}}}:inbox"

    @property
    def open(self) -> str:
        """Set of the tasks of which something is still to be done."""
        return f"translator:{{{self.shard}}}:open"

    def task(self, task_id: str) -> str:
        """Hash: the record of one task (see `translator.store.record`)."""
        return f"translator:{{{self.shard}}}:task:{task_id}"

    def outbox(self, task_id: str) -> str:
        """Stream: the events that agent-server does not hold yet, with the ids ``<attempt>-<seq>``."""
        return f"translator:{{{self.shard}}}:outbox:{task_id}"


def keys_of(task_id: str, shards: int) -> ShardKeys:
    """The keys of the shard that a task belongs to."""
    return ShardKeys(shard(task_id, shards))
