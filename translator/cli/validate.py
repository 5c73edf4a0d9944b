"""The command ``translator validate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from translator.cli import task_file

if TYPE_CHECKING:
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

    Exit code 0: no errors (warnings do not count); 2: errors, or a file cannot be read.
    """
    from translator.task.parse import parse_task
    from translator.task.problem import Severity

    options = task_file.chosen(config).options
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
        for problem in _problems(parse_task(source, task_id="validate"), options):
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


def _problems(parsed: Parsed, options: Options) -> tuple[Problem, ...]:
    """Also what the policy forbids, and names that are not the task's to use; Hera would load too slowly."""
    if parsed.task is None:
        return parsed.problems
    from translator.workflow.layout import choose
    from translator.workflow.policy.judge import judge_task
    from translator.workflow.refusal import Faults, placed
    from translator.workflow.reserved import reserved_faults

    together = choose(parsed.task, options, Faults()) == "pod"
    account = options.service_account or "default"
    faults = judge_task(parsed.task, options.policy, together=together, account=account)
    return placed(parsed, [*faults, *reserved_faults(parsed.task, {})])
