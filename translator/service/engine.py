"""The port to what runs Workflows: `translator.engine.argo` and `translator.engine.local` satisfy it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, MutableMapping
from typing import Any, Protocol

from translator.observe.observation import AttemptRef, Holding, Observation, WorkflowRef
from translator.workflow.rendered import Rendered


class Engine(Protocol):
    """Runs Workflows.

    Every method may raise `TemporaryError` (try again) or `PermanentError` (tell the user).
    """

    async def start(self) -> None:
        """Make ready: connect, begin to watch."""

    async def close(self) -> None:
        """Let go of everything: what runs elsewhere (a cluster) goes on, what the engine runs itself ends."""

    async def submit(self, rendered: Rendered) -> WorkflowRef:
        """Create the objects, or adopt those of an earlier call without an answer (same name and hash)."""

    def follow(
        self, ref: WorkflowRef, cursors: Mapping[str, Mapping[str, Any]], attempt: AttemptRef | None = None
    ) -> AsyncIterator[Observation]:
        """Yield all that can be seen of one Workflow, from now on, until the caller stops.

        Args:
            ref: the Workflow.
            cursors: the last stored log cursor of each step, from which its log is resumed.
            attempt: the Workflow's; what somebody edits of the labels that follow from it is put back. None:
                nothing is.
        """

    async def terminate(self, ref: WorkflowRef) -> None:
        """Order the end of the Workflow's processes: SIGTERM, after a grace SIGKILL."""

    def holdings(self, unreadable: MutableMapping[str, str] | None = None) -> AsyncIterator[Holding]:
        """Yield all Workflows with our labels, each as it was at some moment of this call.

        Args:
            unreadable: takes why each namespace that cannot be read is missing; None: one is an error.
        """

    async def look_up(self, ref: WorkflowRef) -> Mapping[str, Any] | None:
        """The Workflow as it is now; None where it, this very one, no longer exists."""

    async def release(self, ref: WorkflowRef) -> None:
        """Say that all of this Workflow is durable: the engine may forget and clean up."""

    async def hold(self, shards: Collection[int]) -> None:
        """Say of which shards (label ``codo.dev/shard``) Workflows are followed here from now on.

        What an engine runs of other shards by itself is ended: their tasks are another replica's, to which
        it has been lost. An engine that was told nothing serves them all.
        """

    def end(self, shards: Collection[int]) -> None:
        """End what the engine runs by itself of these shards, whose leases could not be renewed for too long.

        Another replica tells the tasks' end, unless the shards are followed here again: then it is told here,
        after all that was written.
        """

    def pinned(self) -> Collection[int]:
        """The shards that cannot be given to another replica now without ending what runs."""
