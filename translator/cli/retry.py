"""``translator retry ID``, on a running translator."""

from __future__ import annotations

import typer

from translator.cli import api_client


def retry(
    task_id: str = typer.Argument(..., metavar="ID", help="The taskId."),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Run an ended task again, as a new attempt."""
    api_client.act("retry", task_id, server, token, form)
