"""``translator run FILE``: runs a task on this machine, with live log lines and step states.

Exit codes: 0 the task succeeded; 1 it did not, or was cancelled (Ctrl-C, SIGTERM); 2 the input is invalid; 3
this machine lacks something that the task needs. A second Ctrl-C ends all processes at once.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from translator.cli.display import Display
    from translator.engine.local.engine import LocalEngine
    from translator.errors import PermanentError, TemporaryError
    from translator.observe.observation import Observation
    from translator.task.model import Task
    from translator.task.parse import Parsed
    from translator.workflow.rendered import Rendered


class EngineChoice(StrEnum):
    """The values of ``--engine``."""

    LOCAL = "local"


class RunnerChoice(StrEnum):
    """The values of ``--runner``."""

    PROCESS = "process"
    DOCKER = "docker"
    PODMAN = "podman"


class LayoutChoice(StrEnum):
    """The values of ``--layout``."""

    AUTO = "auto"
    DAG = "dag"
    POD = "pod"


def run(  # noqa: PLR0917  # typer calls it, by name
    file: Path = typer.Argument(..., metavar="FILE", help="The taskYaml; - reads standard input."),
    engine: EngineChoice = typer.Option(EngineChoice.LOCAL, "--engine", help="local: on this machine."),  # noqa: ARG001  the only one yet
    runner: RunnerChoice = typer.Option(
        RunnerChoice.PROCESS,
        "--runner",
        help="process: as processes here. docker, podman: each in its image.",
    ),
    task_id: str = typer.Option("run", "--task-id", help="Names and labels come from it."),
    agent_id: str = typer.Option("", "--agent-id", help="The agent that agent-server addressed."),
    namespace: str = typer.Option("default", "--namespace", help="Where the Workflow would run."),
    timeout: int | None = typer.Option(None, "--timeout", help="args.timeout, in seconds."),
    params: str | None = typer.Option(None, "--params", help="scriptParams, a JSON object."),
    layout: LayoutChoice = typer.Option(LayoutChoice.AUTO, "--layout", help="dag: one pod a step. pod: one."),
) -> None:
    """Run a task on this machine, with live logs and step states."""
    import asyncio

    from translator.task.parse import parse_task

    name = "<stdin>" if str(file) == "-" else str(file)
    parsed = parse_task(
        _read(file), task_id=task_id, agent_id=agent_id, namespace=namespace, timeout=timeout, params=params
    )
    for problem in parsed.problems:
        print(problem.text(name), file=sys.stderr)
    if parsed.task is None:
        raise typer.Exit(2)
    rendered = _rendered(parsed, parsed.task, name, layout.value)
    try:
        code = asyncio.run(_run(parsed.task, rendered, runner.value))
    except BrokenPipeError:
        # whoever read stdout is gone; Python would complain again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    raise typer.Exit(code)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        print(f"{file}: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _rendered(parsed: Parsed, task: Task, name: str, layout: str) -> Rendered:
    from translator.service.template import load_template
    from translator.workflow.options import Options
    from translator.workflow.refusal import Untranslatable
    from translator.workflow.translate import translate

    try:
        options = Options(layout=layout)  # type: ignore[arg-type]  # typer has checked it
        return translate(task, attempt=1, options=options, template=load_template())
    except Untranslatable as error:
        places = [parsed.place(fault.path, fault.message, fault.hint, fault.code) for fault in error.faults]
        for problem in sorted(places, key=lambda place: (place.line, place.column)):
            print(problem.text(name), file=sys.stderr)
        raise typer.Exit(2) from error


async def _run(task: Task, rendered: Rendered, runner: str) -> int:
    from translator.cli.display import open_display
    from translator.engine.local.engine import LocalEngine
    from translator.errors import PermanentError, TemporaryError

    engine = LocalEngine(runner=runner)  # type: ignore[arg-type]  # typer has checked it
    try:
        await engine.start()
        notices = engine.examine(rendered)
    except (PermanentError, TemporaryError) as error:
        await engine.close()
        return _refuse(error)
    try:
        with open_display([step.name for step in task.steps]) as display:
            for notice in notices:
                display.say(f"note: {notice}")
            return 0 if await _Trial(engine, task, rendered, display).run() else 1
    finally:
        await engine.close()


def _refuse(error: PermanentError | TemporaryError) -> int:
    print(f"error: {error.message}", file=sys.stderr)
    remedy = getattr(error, "remedy", "")
    if remedy:
        print(f"  {remedy}", file=sys.stderr)
    return 3


class _Trial:
    """One task's way through the engine and the reducer to a display, without a store."""

    def __init__(self, engine: LocalEngine, task: Task, rendered: Rendered, display: Display) -> None:
        import asyncio

        self._engine = engine
        self._task = task
        self._rendered = rendered
        self._display = display
        self._cancels = 0
        # small, so that a step waits for a display that is slower than it
        self._seen: asyncio.Queue[Observation] = asyncio.Queue(8)
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> bool:
        """Run the task to its end; whether it succeeded."""
        import asyncio
        import signal

        from translator.observe.event import Phase
        from translator.observe.observation import Submitted
        from translator.observe.reducer import begin, observe

        steps = [step.name for step in self._task.steps]
        state, events = begin(self._task.task_id, self._task.agent_id, 1, steps, _now())
        self._ref = await self._engine.submit(self._rendered)
        await self._seen.put(Submitted(self._ref))
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._task.deadline_ns / 1e9, self._time_out)
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, self._cancel, signum)
        self._start(self._follow())
        try:
            while True:
                for event in events:
                    self._display.show(event.as_json())
                if state.final:
                    return state.phase is Phase.SUCCEEDED
                state, events = observe(state, await self._seen.get(), _now())
        finally:
            timer.cancel()
            for signum in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(signum)
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)

    async def _follow(self) -> None:
        async for observation in self._engine.follow(self._ref, {}):
            await self._seen.put(observation)

    def _time_out(self) -> None:
        from translator.observe.reasons import TASK_DEADLINE_EXCEEDED

        seconds = self._task.deadline_ns / 1e9
        self._start(self._end("TimedOut", TASK_DEADLINE_EXCEEDED, f"the task's {seconds:g} s are over"))

    def _cancel(self, signum: int) -> None:
        import signal

        from translator.observe.reasons import REVOKED

        self._cancels += 1
        if self._cancels > 1:
            self._engine.kill()
        else:
            self._start(self._end("Cancelled", REVOKED, f"ended by {signal.Signals(signum).name}"))

    async def _end(self, phase: str, reason: str, message: str) -> None:
        from translator.observe.observation import Verdict

        await self._seen.put(Verdict(phase, reason, message))
        await self._engine.terminate(self._ref)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        import asyncio

        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
