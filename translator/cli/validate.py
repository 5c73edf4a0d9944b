"""The command ``translator validate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from translator.cli import task_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.task.parse import Parsed
    from translator.task.problem import Problem
    from translator.workflow.options import Options


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"


def validate(
    files: list[str] = typer.Argument(help="taskYaml files; - is standard input."),
    output: Format = typer.Option(Format.TEXT, "--format", help="text: a line each; json: one array."),
    config: Path | None = task_file.CONFIG,
) -> None:
    """Check taskYaml files and print every problem with its place.

    With --config also what the service's Workflow template has against a task.
    Exit code 0: no errors (warnings do not count); 2: errors, or a file cannot be read.
    """
    from translator.task.parse import parse_task
    from translator.task.problem import Severity

    choices = task_file.chosen(config)
    # Without settings the template is the project's own, which has nothing against any task, and Hera, which
    # takes a second to load, is needed for few of them.
    template = None if config is None else task_file.template_of(choices)
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
        for problem in _problems(parse_task(source, task_id="validate"), choices.options, template):
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


def _problems(parsed: Parsed, options: Options, template: Mapping[str, Any] | None) -> tuple[Problem, ...]:
    """Those of the task, and why no Workflow could be made of it."""
    if parsed.task is None:
        return parsed.problems
    from translator.workflow.foreseen import foreseen
    from translator.workflow.refusal import Untranslatable, placed

    faults = foreseen(parsed.task, options) if template is None else None
    if faults is not None:
        return placed(parsed, faults)
    from translator.workflow.translate import check

    try:
        check(parsed.task, options=options, template=template or {})
    except Untranslatable as error:
        return placed(parsed, error.faults)
    return parsed.problems
