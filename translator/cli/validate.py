"""The command ``translator validate``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

import typer


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"


def validate(
    files: list[str] = typer.Argument(help="taskYaml files; - is standard input."),
    output: Format = typer.Option(Format.TEXT, "--format", help="text: a line each; json: one array."),
) -> None:
    """Check taskYaml files and print every problem with its place.

    Exit code 0: no errors (warnings do not count); 2: errors, or a file cannot be read.
    """
    from translator.task.parse import parse_task
    from translator.task.problem import Severity

    failed = False
    lines: list[str] = []
    objects: list[dict[str, object]] = []
    for file in files:
        # a file name may hold any bytes
        name = (
            "<stdin>"
            if file == "-"
            else file.encode(errors="surrogateescape").decode(errors="backslashreplace")
        )
        try:
            source = _read(file)
        except OSError as error:
            typer.echo(f"{name}: cannot be read: {error.strerror or error}", err=True)
            failed = True
            continue
        for problem in parse_task(source, task_id="validate").problems:
            failed = failed or problem.severity is Severity.ERROR
            if output is Format.TEXT:
                lines.append(problem.text(name))
            else:
                objects.append({"file": name, **problem.as_json()})
    if output is Format.JSON:
        import json

        typer.echo(json.dumps(objects, ensure_ascii=False, indent=2))
    elif lines:
        typer.echo("\n".join(lines))
    if failed:
        raise typer.Exit(2)


def _printable(file: str) -> str:
    # a file name may hold any bytes
    return file.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _read(file: str) -> bytes:
    from translator.task.document import MAX_BYTES

    # one byte more than is allowed tells a document that is too large; the rest is of no use
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as stream:
        return stream.read(MAX_BYTES + 1)
