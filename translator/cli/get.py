"""``translator get ID``: one task of a running translator."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import typer

from translator.cli import api_client


def get(
    task_id: str = typer.Argument(..., metavar="ID", help="The taskId."),
    manifest: bool = typer.Option(
        False, "--manifest", help="The Kubernetes objects that it became, as JSON."
    ),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Show one task: its phase, why, and every step."""
    api = api_client.Api(server, token)
    if manifest:
        api_client.show(api.task(task_id, "/manifest"))
        return
    task = api.task(task_id)
    if form == "json":
        api_client.show(task)
    else:
        _print(task)


def _print(task: Mapping[str, Any]) -> None:
    from rich.console import Console

    from translator.cli.display import step_table
    from translator.cli.terminal import shown

    for name in ("taskId", "agentId", "attempt", "phase", "reason", "message", "remedy", "acceptedAt"):
        if name in task:
            print(shown(f"{name}: {task[name]}", sys.stdout))
    if workflow := task.get("workflow"):
        print(f"workflow: {workflow['namespace']}/{workflow['name']}")
    if refused := task.get("refusedByAgentServer"):
        print(shown(f"refusedByAgentServer: {refused}", sys.stdout))
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(step_table(task["steps"]))
