"""``translator submit FILE``: hands a task to a running translator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from translator.cli import api_client, task_file


def submit(  # noqa: PLR0917 - typer calls it, by name
    file: str = typer.Argument(..., metavar="FILE", help="The taskYaml; - reads standard input."),
    task_id: str = typer.Option(
        "", "--task-id", help="Unique; without it one is made up from the file's name."
    ),
    agent_id: str = typer.Option("cli", "--agent-id", help="The agent that the task is for."),
    namespace: str = typer.Option("", "--namespace", help="Where the Workflow runs."),
    timeout: int | None = typer.Option(None, "--timeout", help="args.timeout, in seconds."),
    params: str | None = typer.Option(None, "--params", help="scriptParams, a JSON object."),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Submit a task; prints its taskId. A task that was submitted before is not run again."""
    try:
        text = task_file.read(file).decode()
    except OSError as error:
        print(task_file.cannot_read(file, error), file=sys.stderr)
        raise typer.Exit(2) from error
    except UnicodeDecodeError as error:
        print(f"{task_file.shown(file)}: is not UTF-8: byte {error.start} is wrong", file=sys.stderr)
        raise typer.Exit(2) from error
    args: dict[str, Any] = {"taskYaml": text, "namespace": namespace, "timeout": timeout}
    args["scriptParams"] = params
    item = {
        "taskId": task_id or _made_up(file),
        "taskType": "CloudTask",
        "agentId": agent_id,
        "args": {name: value for name, value in args.items() if value not in (None, "")},
    }
    [answer] = api_client.Api(server, token).post(api_client.BATCH, [item])
    if form == "json":
        api_client.show(answer)
    api_client.settle(answer, task_file.shown(file))
    if form == "text":
        print(answer["taskId"])
        if answer["outcome"] == "duplicate":
            print(f"it was submitted before and is {answer['phase']}", file=sys.stderr)


def _made_up(file: str) -> str:
    import secrets

    stem = "task" if file == "-" else Path(file).name.split(".")[0]
    return f"{stem}-{secrets.token_hex(4)}"
