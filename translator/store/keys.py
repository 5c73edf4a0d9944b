"""The names of the keys. A task's keys share a hash tag with its shard's, and so a Redis Cluster slot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from translator.workflow.names import shard

PREFIX = "translator:"
"""How every key and channel begins."""

SHARDS = "translator:shards"
"""How many shards the data was split into, which decides where each task is."""

DATA = "translator:data"
"""Random text, made with the data: another one, or none, tells that Redis has lost what it held."""

REPLICAS = "translator:replicas"
"""Sorted set of the replicas at work, by when they count as gone, in milliseconds of Redis' clock."""

CHANGED = "translator:changed:"
"""Begin of the channels that tell of each task's changes; the taskId follows."""

_TASK = re.compile(rb"translator:\{\d+\}:task:(.*)", re.DOTALL)


def wake_channel(db: int) -> str:
    """The channel by which replicas wake each other; channels do not know of databases."""
    return f"translator:wake:{db}"


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

    def events(self, task_id: str) -> str:
        """Stream: the events of all attempts, with the ids ``<attempt>-<seq>``.

        Those after the record's ``acked`` are the outbox, those before it the history.
        """
        return f"translator:{{{self.shard}}}:events:{task_id}"

    @property
    def known(self) -> str:
        """Sorted set of all tasks by the time of their acceptance, in milliseconds since 1970."""
        return f"translator:{{{self.shard}}}:known"

    @property
    def expiring(self) -> str:
        """Sorted set of the tasks that are done, by when they are to be forgotten, in Unix seconds."""
        return f"translator:{{{self.shard}}}:expiring"

    @property
    def sizes(self) -> str:
        """Sorted set of the tasks by the bytes of log events that are kept of them."""
        return f"translator:{{{self.shard}}}:sizes"

    @property
    def lease(self) -> str:
        """Hash: who holds the shard, its epoch, and until when (see `translator.store.leases`)."""
        return f"translator:{{{self.shard}}}:lease"

    @property
    def waited(self) -> str:
        """Nothing but what WAIT needs (see `translator.store.replication`); written to try a write, too."""
        return f"translator:{{{self.shard}}}:waited"

    def of(self, task_id: str) -> list[str]:
        """All keys that a script on one task gets, in the order in which the scripts name them."""
        return [
            self.task(task_id), self.events(task_id), self.inbox, self.open, self.known, self.expiring,
            self.sizes, self.lease,
        ]  # fmt: skip


def keys_of(task_id: str, shards: int) -> ShardKeys:
    """The keys of the shard that a task belongs to."""
    return ShardKeys(shard(task_id, shards))


def task_id_of(key: bytes) -> str | None:
    """The taskId in the key of a task's record; None where it is another key."""
    found = _TASK.fullmatch(key)
    return found[1].decode() if found else None
