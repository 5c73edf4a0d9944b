"""``translator run FILE``: runs a task on this machine or a cluster, with live log lines and step states.

Each call runs the task anew, under an id of its own unless one is given.

Exit codes: 0 the task succeeded; 1 it did not, or was cancelled (Ctrl-C, SIGTERM, a closed terminal); 2 the
input is invalid; 3 something that the task needs is missing or cannot be reached. A second Ctrl-C ends all
processes at once, or leaves them to the cluster.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from translator.cli import task_file

if TYPE_CHECKING:
    from translator.cli.task_file import Chosen
    from translator.errors import PermanentError, TemporaryError
    from translator.service.engine import Engine
    from translator.service.trial import Trial
    from translator.settings.argo import Argo
    from translator.task.model import Task
    from translator.workflow.rendered import Rendered

    _Trying = tuple[Engine, Sequence[str], Callable[[], object]]
    """The engine, what to say first, and what a second signal does."""


class EngineChoice(StrEnum):
    """The values of ``--engine``."""

    LOCAL = "local"
    ARGO = "argo"


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
    file: str = typer.Argument(..., metavar="FILE", help="The taskYaml; - reads standard input."),
    engine: EngineChoice = typer.Option(
        EngineChoice.LOCAL, "--engine", help="local: on this machine. argo: on the cluster of KUBECONFIG."
    ),
    runner: RunnerChoice = typer.Option(
        RunnerChoice.PROCESS,
        "--runner",
        help="Of the local engine. process: as processes here. docker, podman: each step in its image.",
    ),
    task_id: str | None = typer.Option(
        None,
        "--task-id",
        help="Names and labels come from it. Default: a new one. The same task with the same id "
        "is followed on a cluster, not run again.",
    ),
    agent_id: str = typer.Option("", "--agent-id", help="The agent that agent-server addressed."),
    namespace: str | None = typer.Option(
        None, "--namespace", help="Where the Workflow runs. Default: default."
    ),
    timeout: int | None = typer.Option(None, "--timeout", help="args.timeout, in seconds."),
    params: str | None = typer.Option(None, "--params", help="scriptParams, a JSON object."),
    layout: LayoutChoice | None = typer.Option(None, "--layout", help="dag: one pod a step. pod: one."),
    config: Path | None = task_file.CONFIG,
) -> None:
    """Run a task here or on a cluster, with live logs and step states."""
    import asyncio

    from translator.service.log import to_stderr

    to_stderr()
    choices = task_file.chosen(config, layout=layout and layout.value)
    chosen_id = f"run-{secrets.token_hex(4)}" if task_id is None else task_id
    parsed = task_file.parse(
        file, task_id=chosen_id, agent_id=agent_id, namespace=namespace, timeout=timeout, params=params
    )
    assert parsed.task is not None, "parse() has seen to it"
    rendered = task_file.translated(parsed, file, attempt=1, choices=choices)
    try:
        code = asyncio.run(_run(parsed.task, rendered, engine, runner.value, choices))
    except asyncio.CancelledError:
        # the second signal, where the cluster ends the task without us
        print("left; the cluster ends the task", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        # whoever read stdout is gone; Python would complain again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    raise typer.Exit(code)


async def _run(task: Task, rendered: Rendered, choice: EngineChoice, runner: str, choices: Chosen) -> int:
    from translator.cli.display import open_display
    from translator.errors import PermanentError, TemporaryError
    from translator.observe.event import Phase
    from translator.service.options import secret_variables
    from translator.service.trial import Trial

    on_cluster = choice is EngineChoice.ARGO
    trying = _argo(choices.argo, rendered.namespace) if on_cluster else _local(rendered, runner)
    try:
        async with trying as (engine, notices, kill):
            with open_display([step.name for step in task.steps]) as display:
                display.say(f"task {task.task_id}")
                for notice in notices:
                    display.say(f"note: {notice}")
                trial = Trial(
                    engine,
                    task,
                    rendered,
                    lambda event: display.show(event.as_json()),
                    choices.options.secret_params,
                    hidden=() if on_cluster else secret_variables(),
                    on_submitted=lambda: display.say(look_later(rendered)) if on_cluster else None,
                )
                with _signals(trial, kill):
                    phase = await trial.run()
    except (PermanentError, TemporaryError) as error:
        return _refuse(error)
    return 0 if phase is Phase.SUCCEEDED else 1


@asynccontextmanager
async def _local(rendered: Rendered, runner: str) -> AsyncIterator[_Trying]:
    from translator.engine.local.concealment import conceal
    from translator.engine.local.engine import LocalEngine

    conceal()
    engine = LocalEngine(runner=runner)  # type: ignore[arg-type]  # typer has checked it
    try:
        await engine.start()
        yield engine, [str(notice) for notice in engine.examine(rendered)], engine.kill
    finally:
        await engine.close()


@asynccontextmanager
async def _argo(chosen: Argo | None, namespace: str) -> AsyncIterator[_Trying]:
    """The cluster of the settings, or of KUBECONFIG, asked of nothing but the task's namespace."""
    import asyncio

    from translator.engine.argo.engine import ArgoEngine, not_watched
    from translator.settings.argo import Argo

    me = asyncio.current_task()
    assert me is not None, "asyncio.run started it"
    chosen = chosen or Argo()
    if chosen.namespaces and namespace not in chosen.namespaces:
        raise not_watched(namespace, chosen.namespaces)
    engine = ArgoEngine.from_kubeconfig(
        str(chosen.kubeconfig.expanduser()) if chosen.kubeconfig else None,
        context=chosen.context or None,
        namespaces=[namespace],
        kill_grace_s=chosen.kill_grace_seconds,
    )
    try:
        await engine.start()
        yield engine, [], me.cancel
    finally:
        await engine.close()


def look_later(rendered: Rendered) -> str:
    """The commands that show a Workflow which was submitted, now and when this program has ended.

    ``argo logs`` reads a container called ``main`` only, which pods of a container set lack.
    """
    name, where = rendered.name, f"-n {rendered.namespace}"
    spec = rendered.workflow["spec"]
    one_pod = any("containerSet" in template for template in spec["templates"])
    pods = f"-l workflows.argoproj.io/workflow={name} --tail=-1 --prefix"
    steps = "--all-containers" if one_pod else "-c main"
    lines = [
        f"Workflow {rendered.namespace}/{name}; to look at it later:",
        f"  kubectl get workflow.argoproj.io {where} {name}",
        f"  kubectl logs {where} {pods} {steps}",
        f"  argo get {where} {name}",
    ]
    if not one_pod:
        lines.append(f"  argo logs {where} {name}")
    kept = spec.get("podGC", {}).get("deleteDelayDuration")
    if kept:
        lines.append(f"  (its pods, and their logs with them, are deleted {kept} after its end)")
    return "\n".join(lines)


def _refuse(error: PermanentError | TemporaryError) -> int:
    print(f"error: {error.message}", file=sys.stderr)
    remedy = getattr(error, "remedy", "")
    if remedy:
        print(f"  {remedy}", file=sys.stderr)
    return 3


@contextmanager
def _signals(trial: Trial, kill: Callable[[], object]) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP cancels the task; a second one ends its processes at once."""
    import asyncio
    import signal

    from translator.cli.terminal import Terminal

    loop = asyncio.get_running_loop()
    terminal = Terminal()
    terminal.watch()
    seen = 0

    def on_signal(number: int) -> None:
        nonlocal seen
        # of a closed terminal it may come twice, from the kernel and from the shell
        if number == signal.SIGHUP and terminal.has_just_closed() and seen:
            return
        seen += 1
        if seen > 1:
            kill()
        else:
            trial.cancel(f"ended by {signal.Signals(number).name}")

    numbers = [signal.SIGINT, signal.SIGTERM, *([] if terminal.ignored else [signal.SIGHUP])]
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
