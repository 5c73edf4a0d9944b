"""``translator replay ID``, on a running translator."""

from __future__ import annotations

import sys

import typer

from translator.cli import api_client


def replay(
    task_id: str = typer.Argument(..., metavar="ID", help="The taskId, as `list --dead-letters` shows it."),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Send a task's events again that agent-server refused."""
    from urllib.parse import quote

    api = api_client.Api(server, token)
    answer = api.post(f"/api/v1/dead-letters/{quote(task_id, safe='')}/replay")
    if form == "json":
        api_client.show(answer)
    else:
        print(f"the events of {task_id!r} are sent again", file=sys.stderr)
