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
    from translator.workflow.refusal import Fault


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"


def validate(
    files: list[str] = typer.Argument(help="taskYaml files; - is standard input."),
    output: Format = typer.Option(Format.TEXT, "--format", help="text: a line each; json: one array."),
    config: Path | None = task_file.CONFIG,
    server: bool = typer.Option(
        False,
        "--server",
        help="Also ask the API server of KUBECONFIG (or argo.kubeconfig) what it says of the steps' pods.",
    ),
    namespace: str | None = typer.Option(
        None, "--namespace", help="With --server: where the task would run. Default: default."
    ),
) -> None:
    """Check taskYaml files and print every problem with its place.

    With --config also what the service's Workflow template has against a task.
    Exit code 0: no errors (warnings do not count); 2: errors, or a file cannot be read; 3: with --server, the
    API server cannot be reached or does not answer you.
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
        parsed = parse_task(source, task_id="validate", namespace=namespace, alone=True)
        problems = _problems(parsed, choices.options, template)
        if server and not any(problem.severity is Severity.ERROR for problem in problems):
            problems = _of_server(parsed, choices)
        for problem in problems:
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


def _of_server(parsed: Parsed, choices: task_file.Chosen) -> tuple[Problem, ...]:
    """The task's problems with those that the API server has with its pods.

    Raises:
        typer.Exit: with 3: it cannot be asked.
    """
    import asyncio
    import sys

    from translator.errors import TranslatorError
    from translator.workflow.refusal import placed

    try:
        faults = asyncio.run(_asked(parsed, choices))
    except TranslatorError as error:
        print(f"validate: {error.message}", file=sys.stderr)
        if remedy := getattr(error, "remedy", ""):
            print(f"  {remedy}", file=sys.stderr)
        raise typer.Exit(3) from error
    return placed(parsed, faults)


async def _asked(parsed: Parsed, choices: task_file.Chosen) -> list[Fault]:
    from translator.engine.argo.client import ApiServer
    from translator.engine.argo.dry_run import judged
    from translator.settings.argo import Argo
    from translator.workflow.dry_run import pods
    from translator.workflow.translate import translate

    assert parsed.task is not None, "it has no errors"
    template = task_file.template_of(choices)
    workflow = translate(parsed.task, attempt=1, options=choices.options, template=template).workflow
    chosen = choices.argo or Argo()
    kubeconfig = str(chosen.kubeconfig.expanduser()) if chosen.kubeconfig else None
    api = ApiServer(kubeconfig=kubeconfig, context=chosen.context or None)
    try:
        await api.open()
        return await judged(api, parsed.task, list(pods(parsed.task, workflow, template)))
    finally:
        await api.close()


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
