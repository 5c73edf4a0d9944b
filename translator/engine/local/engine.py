"""The engine that runs Workflows on this machine: `translator.service.engine.Engine` without a cluster.

It runs the rendered manifest, so what it runs is what a cluster would get. Its runs live and die with it:
when its process ends, in whatever way, the steps' processes end too, and what they left is removed at the
next start.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from translator.engine.local.folder import EngineFolder, default_root
from translator.engine.local.here import HereRunner
from translator.engine.local.manifest import read_plan
from translator.engine.local.oci import OciRunner
from translator.engine.local.plan import Plan
from translator.engine.local.refusal import Notice
from translator.engine.local.run import Run
from translator.engine.local.runner import Runner
from translator.errors import PermanentError
from translator.observe.observation import (
    AttemptRef,
    Holding,
    Observation,
    Verdict,
    WorkflowGone,
    WorkflowRef,
)
from translator.observe.reasons import CONFLICT, RUNNER_LOST, remedy
from translator.task.names import persons_names
from translator.workflow.names import ATTEMPT, INSTALLATION, SHARD, SPEC_HASH, TASK_ID
from translator.workflow.rendered import Rendered

GRACE_S = 10.0
"""Seconds that a process has between SIGTERM and SIGKILL (a pod has 30)."""

LAPSED = "Redis could not be reached for so long that the processes were ended"
"""What a task is told whose lease could not be renewed past the grace."""

RunnerName = Literal["process", "docker", "podman"]


class LocalEngine:
    """Runs Workflows on this machine.

    Args:
        root: where the runs' folders go; None: below the system's folder for temporary files.
        runner: ``process``, or the program that runs each step in its image.
        grace: seconds that a process has between SIGTERM and SIGKILL.
        lapse_grace: the same where a lease could not be renewed: then another replica tells the end soon.
        bubblewrap: whether processes get mounts of their own where that works.
        environment: the variables of this process; None: ``os.environ``.
        on_notice: told before each run what differs from a cluster.
    """

    def __init__(
        self,
        *,
        root: Path | None = None,
        runner: RunnerName = "process",
        grace: float = GRACE_S,
        lapse_grace: float = GRACE_S,
        bubblewrap: bool = True,
        environment: Mapping[str, str] | None = None,
        on_notice: Callable[[WorkflowRef, Notice], None] | None = None,
    ) -> None:
        variables = os.environ if environment is None else environment
        self._runner: Runner = (
            HereRunner(variables, bubblewrap=bubblewrap)
            if runner == "process"
            else OciRunner(runner, variables)
        )
        self._folder = EngineFolder(root or default_root())
        self._grace = grace
        self._lapse_grace = min(grace, lapse_grace)
        self._on_notice = on_notice
        self._runs: dict[tuple[str, str], Run] = {}
        self._discarding: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Make the engine's folder, remove what dead engines left, find the programs that it needs.

        Raises:
            PermanentError: the folder cannot be used.
            TemporaryError: the container program or its daemon cannot be reached.
        """
        await self._runner.start()
        await asyncio.to_thread(self._folder.open)

    async def close(self) -> None:
        """End all runs and remove all that they left."""
        for run in self._runs.values():
            run.terminate()
        await asyncio.gather(*self._discarding)
        for run in list(self._runs.values()):
            await self._discard(run)
        await asyncio.to_thread(self._folder.close)

    def kill(self) -> None:
        """End all processes at once, for those who cannot wait for `close`."""
        for run in self._runs.values():
            run.kill()

    def examine(self, rendered: Rendered) -> list[Notice]:
        """What will differ from a cluster, without running anything.

        Raises:
            PermanentError: the Workflow cannot be run here truthfully.
        """
        return self._notices(rendered, read_plan(rendered))

    def _notices(self, rendered: Rendered, plan: Plan) -> list[Notice]:
        """What will differ, by the steps' names in the task."""
        called = persons_names(rendered.workflow["metadata"].get("annotations") or {})
        return [
            replace(notice, step=called.get(notice.step, notice.step))
            for notice in self._runner.examine(plan)
        ]

    async def submit(self, rendered: Rendered) -> WorkflowRef:
        """Run a Workflow, unless it runs already.

        Raises:
            PermanentError: it cannot be run here truthfully, or another one of its name exists.
        """
        key = (rendered.namespace, rendered.name)
        known = self._runs.get(key)
        if known is not None:
            if _spec_hash(known.manifest) != _spec_hash(rendered.workflow):
                raise PermanentError(
                    f"another Workflow {rendered.namespace}/{rendered.name} exists",
                    reason=CONFLICT,
                    remedy=remedy(CONFLICT),
                )
            return WorkflowRef(*key, known.uid)
        plan = read_plan(rendered)
        notices = self._notices(rendered, plan)
        ref = WorkflowRef(*key, str(uuid.uuid4()))
        if self._on_notice is not None:
            for notice in notices:
                self._on_notice(ref, notice)
        run = Run(
            plan,
            rendered.workflow,
            uid=ref.uid,
            folder=self._folder.new(),
            runner=self._runner,
            grace=self._grace,
        )
        self._runs[key] = run
        run.begin()
        return ref

    async def hold(self, shards: Collection[int]) -> None:
        """End the runs of all other shards: their tasks have been lost to another replica, which tells so."""
        for run in [run for run in self._runs.values() if _shard(run) not in shards]:
            run.terminate()
            task = asyncio.create_task(self._discard(run), name="discard a lost run")
            self._discarding.add(task)
            task.add_done_callback(self._discarding.discard)

    def end(self, shards: Collection[int]) -> None:
        """End the runs of these shards; who follows them again reads what they wrote, and `RUNNER_LOST`."""
        for run in self._runs.values():
            if _shard(run) in shards and not run.watched.board.finished:
                run.lapsed = True
                run.terminate()
                asyncio.get_running_loop().call_later(self._lapse_grace, run.kill)

    async def _discard(self, run: Run) -> None:
        await run.wait()
        await run.discard()
        for key in [key for key, one in self._runs.items() if one is run]:
            del self._runs[key]

    def pinned(self) -> Collection[int]:
        """The shards with runs: these cannot move to another machine."""
        return {_shard(run) for run in self._runs.values()}

    async def follow(
        self,
        ref: WorkflowRef,
        cursors: Mapping[str, Mapping[str, Any]],
        attempt: AttemptRef | None = None,  # noqa: ARG002 - nobody edits what runs here
    ) -> AsyncIterator[Observation]:
        """Yield all that can be seen of a Workflow; see `translator.service.engine.Engine.follow`.

        One that does not run here ran in a process that is gone, or on a machine whose tasks this one has
        taken over: it has ended with it, or is ended there when that finds out.
        """
        run = self._find(ref)
        if run is None:
            yield Verdict("Error", RUNNER_LOST, "the process that ran it is gone", ended=True)
            yield WorkflowGone()
            return
        if run.lapsed:
            yield Verdict("Error", RUNNER_LOST, LAPSED)
        async for observation in run.watched.follow(cursors):
            yield observation

    async def terminate(self, ref: WorkflowRef) -> None:
        """End a Workflow's processes; nothing happens where it is not known (any more)."""
        run = self._find(ref)
        if run is not None:
            run.terminate()

    async def holdings(
        self,
        unreadable: MutableMapping[str, str] | None = None,  # noqa: ARG002 - all of it can be read here
    ) -> AsyncIterator[Holding]:
        """Yield the Workflows that were submitted and not released."""
        for (namespace, name), run in list(self._runs.items()):
            metadata = run.manifest["metadata"]
            annotations: Mapping[str, str] = metadata.get("annotations") or {}
            yield Holding(
                WorkflowRef(namespace, name, run.uid),
                annotations.get(TASK_ID, ""),
                int((metadata.get("labels") or {}).get(ATTEMPT, 0)),
                annotations.get(INSTALLATION, ""),
                kept=True,
                ended=run.watched.board.finished,
            )

    async def look_up(self, ref: WorkflowRef) -> Mapping[str, Any] | None:
        """The Workflow as it is now; see `translator.service.engine.Engine.look_up`."""
        run = self._find(ref)
        return run.watched.board.object() if run is not None else None

    async def release(self, ref: WorkflowRef) -> None:
        """Forget a Workflow and remove what it left; one that still runs is ended first."""
        run = self._find(ref)
        if run is not None:
            run.terminate()
            await self._discard(run)

    def _find(self, ref: WorkflowRef) -> Run | None:
        run = self._runs.get((ref.namespace, ref.name))
        return run if run is not None and run.uid == ref.uid else None


def _shard(run: Run) -> int:
    return int(run.manifest["metadata"]["labels"][SHARD])


def _spec_hash(manifest: Mapping[str, Any]) -> str:
    annotations: Mapping[str, str] = manifest["metadata"].get("annotations") or {}
    return annotations.get(SPEC_HASH, "")
