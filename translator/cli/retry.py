"""``translator retry ID``, on a running translator."""

from __future__ import annotations

import sys

import typer

from translator.cli import api_client


def retry(
    task_id: str = typer.Argument(..., metavar="ID", help="The taskId."),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Run an ended task again, as a new attempt."""
    api = api_client.Api(server, token)
    answer = api.post(api_client.NATIVE, {"action": "retry", "taskId": task_id})
    if form == "json":
        api_client.show(answer)
    api_client.settle(answer, "")
    if form == "text":
        print(answer.get("message", answer["outcome"]), file=sys.stderr)
