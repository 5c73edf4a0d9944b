"""``translator list``: the tasks of a running translator."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from translator.cli import api_client
from translator.cli.terminal import shown

_PAGE = 1000


def list_tasks(
    phase: str = typer.Option("", "--phase", help="Only tasks of this phase, such as Running."),
    limit: int = typer.Option(50, "--limit", min=1, help="How many at most, the last accepted first."),
    dead_letters: bool = typer.Option(
        False, "--dead-letters", help="The tasks whose events agent-server refused for good, and why."
    ),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """List tasks, the last accepted first."""
    api = api_client.Api(server, token)
    if dead_letters:
        letters = api.get("/api/v1/dead-letters")["deadLetters"]
        _print(letters, form, ("taskId", "agentId", "phase", "events", "reason"))
        return
    tasks = _tasks(api, phase, limit)
    _print(tasks, form, ("taskId", "agentId", "attempt", "phase", "acceptedAt"))


def _tasks(api: api_client.Api, phase: str, limit: int) -> list[Mapping[str, Any]]:
    tasks: list[Mapping[str, Any]] = []
    query: dict[str, object] = {"phase": phase} if phase else {}
    while len(tasks) < limit:
        page = api.get("/api/v1/tasks", {**query, "limit": min(_PAGE, limit - len(tasks))})
        tasks += page["tasks"]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    return tasks


def _print(rows: Sequence[Mapping[str, Any]], form: str, columns: Sequence[str]) -> None:
    if form == "json":
        api_client.show(rows)
        return
    cells = [[column.upper() for column in columns]]
    cells += [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(shown(line, sys.stdout))
