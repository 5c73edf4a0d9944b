"""``translator stand-in``: agent-server's part, for trials."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from translator.agent_server.stand_in import StandIn


def stand_in(
    listen: str = typer.Option(
        "127.0.0.1:8081", metavar="HOST:PORT", help="Where to serve; port 0 chooses one."
    ),
    agent: str = typer.Option(
        "", metavar="URL", help="The translator, to which tasks are handed over, if it has not dialled in."
    ),
    token: str = typer.Option(
        "",
        envvar="STAND_IN_TOKEN",
        help="Bearer token, asked of callers and shown to the agent.",
        show_envvar=True,
    ),
    output: Literal["text", "json"] = typer.Option("text", "--format", help="How events are printed."),
) -> None:
    """Take tasks as agent-server does, hand them to the translator, and print the events that come back."""
    from translator.agent_server.address import parse_listen
    from translator.agent_server.stand_in import StandIn
    from translator.errors import PermanentError

    try:
        host, port = parse_listen(listen)
        served = StandIn(host=host, port=port, agent=agent, token=token)
    except (ValueError, PermanentError) as error:
        print(f"stand-in: {error}", file=sys.stderr)
        raise typer.Exit(2) from error

    import asyncio

    asyncio.run(_serve(served, output))


async def _serve(served: StandIn, output: Literal["text", "json"]) -> None:
    import asyncio
    import os
    import signal

    try:
        await served.start()
    except OSError as error:
        print(f"stand-in: cannot listen: {error.strerror}", file=sys.stderr)
        raise typer.Exit(3) from error
    print(f"stand-in: listening on {served.url}", file=sys.stderr)
    print(f"stand-in: agents dial in at {served.link}?clientId=NAME", file=sys.stderr, flush=True)
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    try:
        async with asyncio.TaskGroup() as readers:
            readers.create_task(_print_events(served, output))
            readers.create_task(_print_violations(served))
            readers.create_task(_print_answers(served))
            await stop.wait()
            await served.close()
    except* BrokenPipeError:
        # whoever read has gone; what is still buffered has nowhere to go either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        await served.close()


async def _print_events(served: StandIn, output: Literal["text", "json"]) -> None:
    from translator.cli.terminal import shown

    async for event in served.events():
        text = event_text(event) if output == "text" else json.dumps(event, ensure_ascii=False)
        print(shown(text, sys.stdout), flush=True)


async def _print_violations(served: StandIn) -> None:
    from translator.cli.terminal import shown

    async for violation in served.violations():
        text = f"stand-in: contract broken: {violation}"
        print(shown(text, sys.stderr), file=sys.stderr, flush=True)


async def _print_answers(served: StandIn) -> None:
    from translator.cli.terminal import shown

    async for answer in served.answers():
        text = f"stand-in: the agent answered {json.dumps(answer, ensure_ascii=False)}"
        print(shown(text, sys.stderr), file=sys.stderr, flush=True)


def event_text(event: Mapping[str, Any]) -> str:
    """An event as lines for a person, each beginning with its taskId."""
    task, step = event["taskId"], event.get("step")
    if event["kind"] == "log":
        return "\n".join(f"{task} {step} | {line}" for line in event["lines"])
    if event["kind"] == "gap":
        return f"{task} {step} ~ {event.get('why')}"
    exit_code, workflow = event.get("exitCode"), event.get("workflow")
    parts = [
        task,
        *([f"step {event['name']}"] if "name" in event else []),
        str(event.get("phase")),
        *([f"(exit code {exit_code})"] if exit_code is not None else []),
        *([f"as {workflow.get('namespace')}/{workflow.get('name')}"] if isinstance(workflow, dict) else []),
        *(str(event[name]) for name in ("reason", "message") if event.get(name)),
    ]
    return " ".join(parts)
