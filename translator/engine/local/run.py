"""One Workflow while it runs here: its nodes in order, each with its process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from translator.engine.local.conclusion import conclude, spoils
from translator.engine.local.folder import remove
from translator.engine.local.log import StepLog
from translator.engine.local.outputs import read_outputs
from translator.engine.local.placement import Placement, PodFolder
from translator.engine.local.plan import Container, Plan, Pod
from translator.engine.local.process import Process
from translator.engine.local.runner import Ready, Runner
from translator.engine.local.status import (
    DEADLINE,
    OMITTED_BY,
    SHUTDOWN,
    WORKFLOW_DEADLINE,
    Board,
    Outcome,
    dependency_failed,
    not_found,
    outcome,
    time_text,
)
from translator.engine.local.templating import fill_argument
from translator.engine.local.watch import Watched
from translator.errors import TranslatorError

LOG_GRACE_S = 2.0
"""Seconds that a step's pipe may stay open after its supervisor: something that cannot be killed holds it."""


class Run:
    """One Workflow's run.

    Args:
        plan: what to run.
        manifest: the Workflow.
        uid: of this run.
        folder: its own, removed by `discard`.
        runner: starts its containers.
        grace: seconds between SIGTERM and SIGKILL.

    Attributes:
        watched: what followers see.
        lapsed: it was ended because the lease of its shard could not be renewed.
    """

    def __init__(
        self, plan: Plan, manifest: Mapping[str, Any], *, uid: str, folder: Path, runner: Runner, grace: float
    ) -> None:
        self.uid = uid
        self.manifest = manifest
        self.lapsed = False
        self.watched = Watched(Board(plan, manifest, uid))
        self._plan = plan
        self._folder = folder
        self._runner = runner
        self._grace = grace
        self._outputs: dict[str, dict[str, str]] = {}
        self._ends: dict[str, Outcome] = {}
        self._processes: dict[str, Process] = {}
        self._stopped = ""
        self._log_count = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to run."""
        self._tell(self._board.begin)
        self._task = asyncio.create_task(self._go(), name=f"run {self._plan.name}")

    def terminate(self, message: str = SHUTDOWN) -> None:
        """End all processes, after the grace by force, and start no more.

        Args:
            message: what the nodes that it ends will say.
        """
        if not self._stopped:
            self._stopped = message
            if message == SHUTDOWN:
                self._board.shut_down()
            for process in self._processes.values():
                process.terminate()

    def kill(self) -> None:
        """End all processes at once, and start no more."""
        self._stopped = self._stopped or SHUTDOWN
        for process in self._processes.values():
            process.kill()

    async def wait(self) -> None:
        """Wait until nothing of it runs."""
        if self._task is not None:
            # Not awaited itself: who is cancelled while waiting must not cancel the run.
            await asyncio.wait([self._task])

    async def discard(self) -> None:
        """Remove all that is left of it, once it has ended; who follows it is told that it is gone."""
        self.watched.gone = True
        self.watched.bell.ring()
        await asyncio.to_thread(remove, self._folder)

    def _is_stopped(self) -> bool:
        return bool(self._stopped)

    @property
    def _board(self) -> Board:
        return self.watched.board

    async def _go(self) -> None:
        loop = asyncio.get_running_loop()
        timers = []
        if self._plan.timeout is not None:
            timers.append(loop.call_later(self._plan.timeout, self.terminate, WORKFLOW_DEADLINE))
        if self._plan.container_set and self._plan.pods[0].timeout is not None:
            timers.append(loop.call_later(self._plan.pods[0].timeout, self.terminate, DEADLINE))
        try:
            await (self._container_set() if self._plan.container_set else self._dag())
        except Exception as error:  # noqa: BLE001  whatever went wrong, a Workflow must come to an end
            self.kill()
            self._tell(self._board.finish, "Error", message=f"the local engine failed: {error!r}")
        finally:
            for timer in timers:
                timer.cancel()
            await asyncio.to_thread(remove, self._folder / "pods")
            await asyncio.to_thread(remove, self._folder / "volumes")

    async def _dag(self) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            for number, pod in enumerate(self._plan.pods):
                before = [tasks[name] for name in pod.dependencies]
                tasks[pod.task] = group.create_task(self._pod(pod, number, before))
        self._finish({pod.task: pod for pod in self._plan.pods}, root="")

    async def _pod(self, pod: Pod, number: int, before: list[asyncio.Task[None]]) -> None:
        for task in before:
            await task
        if self._stopped and self._stopped not in OMITTED_BY:
            return
        if self._stopped or not all(self._may_follow(name) for name in pod.dependencies):
            self._tell(self._board.omitted, pod)
            return
        self._tell(self._board.add, pod.task, pod.template)
        container = pod.containers[0]
        folder = PodFolder(self._folder, self._folder / "pods" / str(number))
        where = f"{pod.task}: argument"
        outputs: dict[str, str] = {}
        try:
            given = {name: fill_argument(text, self._outputs, where) for name, text in pod.arguments.items()}
            inputs = {**pod.inputs, **given}
            end, placement = await self._container(pod, container, folder, inputs)
            if placement is not None:
                end, outputs = read_outputs(pod, end, placement, inputs)
        except (TranslatorError, OSError) as error:
            end = Outcome("Error", str(error))
        self._outputs[pod.task] = outputs
        self._ends[pod.task] = end
        self._close_log(container.step)
        self._tell(self._board.ended, pod.task, end, outputs=outputs)

    async def _container_set(self) -> None:
        pod = self._plan.pods[0]
        for container in pod.containers:
            self._tell(self._board.add, container.step, pod.template, kind="Container")
        folder = PodFolder(self._folder, self._folder / "pods" / "0")
        tasks: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            for container in pod.containers:
                before = [tasks[name] for name in container.dependencies]
                tasks[container.step] = group.create_task(self._one_of_set(pod, container, folder, before))
        root = next((end.message for end in self._ends.values() if end.phase != "Succeeded"), "")
        self._finish({container.step: pod for container in pod.containers}, root=self._stopped or root)

    async def _one_of_set(
        self, pod: Pod, container: Container, folder: PodFolder, before: list[asyncio.Task[None]]
    ) -> None:
        for task in before:
            await task
        bad = next((name for name in container.dependencies if self._ends[name].exit_code != 0), None)
        if bad is not None:
            end = dependency_failed(container, bad, self._ends[bad].exit_code or 1)
        else:
            try:
                end, _ = await self._container(pod, container, folder, {})
            except (TranslatorError, OSError) as error:
                end = Outcome("Error", str(error))
        self._ends[container.step] = end
        self._close_log(container.step)
        self._tell(self._board.ended, container.step, end)

    async def _container(
        self, pod: Pod, container: Container, folder: PodFolder, inputs: Mapping[str, str]
    ) -> tuple[Outcome, Placement | None]:
        """Run one container to its end; where it was placed, unless it never was."""
        trouble = await self._runner.prepare(container)
        if trouble:
            return Outcome("Error", trouble), None
        private = self._runner.private(container, pod.outputs)
        placement = await asyncio.to_thread(folder.place, container, inputs, pod.outputs, private)
        if self._is_stopped():
            return Outcome("Failed", self._stopped), placement
        ready = Ready(container, placement, f"{self._plan.name}-{container.step}-{self.uid[:8]}", inputs)
        invocation = self._runner.invocation(ready)
        if isinstance(invocation, str):
            return not_found(container, invocation), placement
        reading, writing = os.pipe()
        log = self._new_log()
        pump = asyncio.create_task(log.pump(reading))
        try:
            process = await Process.start(
                invocation, output=writing, limit=container.timeout, grace=self._grace
            )
            self._processes[container.step] = process
            if self._is_stopped():
                process.terminate()
            if await process.started():
                self.watched.logs[container.step] = log
                self._tell(self._board.running, container.step)
            ended = await process.ended()
            log.close()
            for done in (await asyncio.wait([pump], timeout=LOG_GRACE_S))[0]:
                done.result()
        finally:
            pump.cancel()
            await asyncio.wait([pump])  # it takes what the pipe still holds
            self._processes.pop(container.step, None)
            log.end()
        return outcome(ended, container, invocation.program, self._stopped), placement

    def _new_log(self) -> StepLog:
        self._log_count += 1
        return StepLog(self._folder / f"log-{self._log_count}", self.watched.bell.ring)

    def _close_log(self, step: str) -> None:
        """Give a step that never ran a log that has ended, so that nobody waits for its lines."""
        if step not in self.watched.logs:
            log = self._new_log()
            log.end()
            self.watched.logs[step] = log

    def _may_follow(self, name: str) -> bool:
        end = self._ends.get(name)
        if end is None:
            return False
        pod = next(pod for pod in self._plan.pods if pod.task == name)
        return not spoils(end, pod)

    def _finish(self, pods: Mapping[str, Pod], *, root: str) -> None:
        phase, message = conclude(self._ends, pods, self._plan.targets, self._stopped)
        self._tell(self._board.finish, phase, message=message, root=root if phase != "Succeeded" else "")

    def _tell(self, change: Callable[..., None], *args: Any, **more: Any) -> None:
        """Change the board, as of now, and wake the followers."""
        change(*args, now=time_text(datetime.now(UTC)), **more)
        self.watched.bell.ring()
