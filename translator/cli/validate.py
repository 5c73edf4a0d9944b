"""The command ``translator validate``."""

from __future__ import annotations

from enum import StrEnum

import typer

from translator.cli import task_file


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
        try:
            source = task_file.read(file)
        except OSError as error:
            typer.echo(task_file.cannot_read(file, error), err=True)
            failed = True
            continue
        name = task_file.shown(file)
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
