"""``translator cancel ID``, on a running translator."""

from __future__ import annotations

import typer

from translator.cli import api_client


def cancel(
    task_id: str = typer.Argument(..., metavar="ID", help="The taskId."),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Cancel a task: its processes get SIGTERM, and it ends as Cancelled."""
    api_client.act("terminate", task_id, server, token, form)
