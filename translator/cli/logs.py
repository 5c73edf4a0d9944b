"""``translator logs ID``: a task's log from a running translator."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from translator.cli import api_client
from translator.cli.terminal import shown

_PAGE = 1000

_TRIES = 5
"""Streams that may break before it is given up."""


def logs(
    task_id: str = typer.Argument(..., metavar="ID", help="The taskId."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on until the task has ended."),
    step: str = typer.Option("", "--step", help="Only this step's lines, without its name before them."),
    attempt: int | None = typer.Option(None, "--attempt", min=1, help="Without it: the last one."),
    server: api_client.Server = api_client.SERVER,
    token: api_client.Token = "",
    form: api_client.Form = "text",
) -> None:
    """Print a task's log. With -f the exit code says how the task ended: 0 succeeded, 1 did not."""
    api = api_client.Api(server, token)
    query: dict[str, object] = {"limit": _PAGE}
    query |= {name: value for name, value in (("step", step), ("attempt", attempt)) if value}
    if step or attempt:
        _check(api.task(task_id), step, attempt)
    pages = _following(api, task_id, query) if follow else _pages(api, task_id, query)
    try:
        for rows in pages:
            _print(rows, form, named=not step)
    except BrokenPipeError as error:
        # whoever read stdout is gone; Python would complain again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(1) from error


def _check(task: Mapping[str, Any], step: str, attempt: int | None) -> None:
    """Refuse a step or an attempt that the task does not have: its log would be empty for ever."""
    known = [one["name"] for one in task["steps"]]
    wrong = ""
    if step and step not in known:
        wrong = f"has no step {step!r}: its steps are {', '.join(known)}"
    if attempt and attempt > task["attempt"]:
        wrong = f"has no attempt {attempt}: the last one is {task['attempt']}"
    if wrong:
        print(f"translator: task {task['taskId']!r} {wrong}", file=sys.stderr)
        raise typer.Exit(2)


def _pages(
    api: api_client.Api, task_id: str, query: dict[str, object]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    page = api.task(task_id, "/logs", query)
    while page["lines"]:
        yield page["lines"]
        page = api.task(task_id, "/logs", {**query, "after": page["next"]})


def _following(
    api: api_client.Api, task_id: str, query: dict[str, object]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    import time

    path = api_client.task_path(task_id, "/logs")
    for number in range(_TRIES):
        time.sleep(number)
        try:
            for name, place, data in api.follow(path, query):
                if name == "end":
                    raise typer.Exit(0 if data["phase"] == "Succeeded" else 1)
                if name == "message":
                    query["after"] = place
                    yield data["lines"]
        except OSError as error:
            print(f"translator: the stream broke: {error}", file=sys.stderr)
    print("translator: the stream broke too often", file=sys.stderr)
    raise typer.Exit(3)


def _print(rows: Sequence[Mapping[str, Any]], form: str, *, named: bool) -> None:
    import json

    for row in rows:
        if form == "json":
            print(shown(json.dumps(row, ensure_ascii=False), sys.stdout))
        elif "gap" in row:
            count = f"{row['missing']} lines" if "missing" in row else "lines"
            print(shown(f"{row['step']}: {count} missing: {row['gap']}", sys.stderr), file=sys.stderr)
        else:
            print(shown(f"{row['step']} | {row['line']}" if named else row["line"], sys.stdout))
    sys.stdout.flush()
