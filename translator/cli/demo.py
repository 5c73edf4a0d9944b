"""``translator demo``: the whole way round on this machine, in one process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from translator.agent_server.stand_in import StandIn


def demo() -> None:
    """Run the seed's batch from agent-server and back, all in one process on this machine."""
    import asyncio

    from translator.engine.local.concealment import conceal
    from translator.errors import PermanentError, TemporaryError
    from translator.service.log import configure
    from translator.service.options import secret_variables

    configure("warning", secret_variables())
    conceal()
    try:
        succeeded = asyncio.run(_demo())
    except (TemporaryError, PermanentError) as error:
        print(f"demo: {error.message}", file=sys.stderr)
        raise typer.Exit(3) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        raise typer.Exit(1) from error
    raise typer.Exit(0 if succeeded else 1)


async def _demo() -> bool:
    import asyncio
    import signal

    import aiohttp
    from rich.console import Console

    from translator.agent_server.protocol import BATCH_PATH
    from translator.cli.terminal import Terminal

    me = asyncio.current_task()
    assert me is not None, "asyncio.run started it"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    terminal = Terminal()
    terminal.watch()
    if not terminal.ignored:

        def on_hangup() -> None:
            terminal.has_just_closed()
            # it may come twice, from the kernel and from the shell
            if not me.cancelling():
                me.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_hangup)
    console = Console(highlight=False, soft_wrap=True)
    batch = Path(__file__).with_name("demo_batch.json").read_bytes()
    async with _everything() as stand_in:
        headers = {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as http,
            http.post(stand_in.url + BATCH_PATH, data=batch, headers=headers) as answer,
        ):
            ids = [item["taskId"] for item in await answer.json()]
        console.print(f"submitted {', '.join(ids)} by POST {stand_in.url}{BATCH_PATH}", style="dim")
        finals = await _until_final(stand_in, ids, console)
        violations = list(stand_in.ledger.violations)
    for final in finals:
        _table(final, console)
    for violation in violations:
        print(f"demo: contract broken: {violation}", file=sys.stderr)
    return not violations and all(final.get("phase") == "Succeeded" for final in finals)


@asynccontextmanager
async def _everything() -> AsyncIterator[StandIn]:
    """The stand-in, and behind it the service; all of it temporary."""
    import tempfile

    from translator.agent_server.stand_in import StandIn
    from translator.engine.local.engine import LocalEngine
    from translator.service.factory import running
    from translator.service.http import serving
    from translator.settings import Settings

    with tempfile.TemporaryDirectory(prefix="translator-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        engine = LocalEngine(root=folder / "runs", on_notice=lambda _, notice: _tell(f"note: {notice}"))
        async with StandIn() as stand_in:
            # Not read from the environment: the demo is the same whatever is set there.
            settings = Settings.model_construct(server_address=stand_in.url, data_dir=folder / "valkey")
            async with running(settings, engine=engine) as run, serving(run.app, "127.0.0.1", 0) as url:
                stand_in.agent = url
                _tell(
                    f"agent-server's stand-in {stand_in.url}, translator {url}, Valkey and runs in {folder}"
                )
                yield stand_in


async def _until_final(stand_in: StandIn, ids: Sequence[str], console: Console) -> list[Mapping[str, Any]]:
    """Show every event as it comes, until each task has ended or was not accepted."""
    import asyncio

    showing = asyncio.create_task(_show(stand_in, console))
    finals = await asyncio.gather(*(_final(stand_in, task_id) for task_id in ids))
    # The stand-in has every event now, so what remains to be shown is there already.
    await asyncio.sleep(0)
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)
    return finals


async def _final(stand_in: StandIn, task_id: str) -> Mapping[str, Any]:
    answer = await stand_in.answer(task_id)
    if answer["outcome"] != "accepted":
        return {**answer, "phase": answer["outcome"]}
    return await stand_in.final(task_id)


async def _show(stand_in: StandIn, console: Console) -> None:
    from rich.text import Text

    from translator.cli.terminal import shown

    async for event in stand_in.events():
        start = f"{event['time'][11:23]} {event['taskId']} "
        for text, style in _lines(event):
            console.print(Text(start, style="dim") + Text(shown(text, console.file), style=style))


def _lines(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """An event as lines, each with its style."""
    if event["kind"] == "log":
        return [(f"{event['step']} | {line}", "") for line in event["lines"]]
    if event["kind"] == "gap":
        return [(f"{event['step']} ~ {event['why']}", "yellow")]
    phase = event["phase"]
    what = f"step {event['name']}" if event["kind"] == "step" else "task"
    where = (
        f" as Workflow {event['workflow']['name']}" if phase == "Pending" and event.get("workflow") else ""
    )
    why = ": ".join(str(event[key]) for key in ("reason", "message") if event.get(key))
    return [(f"{what} {phase}{where}{f' ({why})' if why else ''}", _STYLES.get(phase, "red"))]


_STYLES = {"Pending": "dim", "Running": "cyan", "Succeeded": "green", "Skipped": "dim", "Cancelled": "yellow"}


def _table(final: Mapping[str, Any], console: Console) -> None:
    from rich.table import Table

    table = Table(
        "step", "phase", "exit code", "started", "finished", "reason", box=None, title_justify="left"
    )
    table.title = f"\n{final['taskId']}: {final['phase']} {final.get('message', '')}".rstrip()
    for step in final.get("steps", ()):
        times = [str(step.get(key, ""))[11:23].rstrip("Z") for key in ("startedAt", "finishedAt")]
        code = str(step.get("exitCode", ""))
        table.add_row(step["name"], step["phase"], code, *times, step.get("reason", ""))
    console.print(table)
    for problem in final.get("problems", ()):
        console.print(f"{problem['path']}: {problem['message']}", style="red")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
