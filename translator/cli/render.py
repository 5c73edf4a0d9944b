"""``translator render FILE``: the objects that a task becomes."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from translator.task.parse import Parsed
    from translator.task.problem import Problem
    from translator.workflow.rendered import Rendered


class Format(StrEnum):
    """How the objects are printed."""

    JSON = "json"
    YAML = "yaml"
    TREE = "tree"


class LayoutChoice(StrEnum):
    """The values of ``--layout``."""

    AUTO = "auto"
    DAG = "dag"
    POD = "pod"


def render(  # noqa: PLR0917  # typer calls it, by name
    file: Path = typer.Argument(..., metavar="FILE", help="The taskYaml; - reads standard input."),
    output: Format = typer.Option(Format.JSON, "--format", help="json is one List."),
    task_id: str = typer.Option("render", "--task-id", help="Names and labels come from it."),
    agent_id: str = typer.Option("", "--agent-id", help="The agent that agent-server addressed."),
    namespace: str = typer.Option("default", "--namespace", help="Where the Workflow runs."),
    timeout: int | None = typer.Option(None, "--timeout", help="args.timeout, in seconds."),
    params: str | None = typer.Option(None, "--params", help="scriptParams, a JSON object."),
    attempt: int = typer.Option(1, "--attempt", min=1, help="The attempt's number."),
    layout: LayoutChoice = typer.Option(LayoutChoice.AUTO, "--layout", help="dag: one pod a step. pod: one."),
    standalone: bool = typer.Option(False, "--standalone", help="Leave out what needs the service."),
) -> None:
    """Print the objects that a task becomes."""
    from translator.task.parse import parse_task

    text = _read(file)
    name = "<stdin>" if str(file) == "-" else str(file)
    parsed = parse_task(
        text, task_id=task_id, agent_id=agent_id, namespace=namespace, timeout=timeout, params=params
    )
    _report(parsed.problems, name)
    rendered = _translate(parsed, name, attempt=attempt, layout=layout.value, standalone=standalone)
    sys.stdout.write(_written(rendered, output))


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        print(f"{file}: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _report(problems: Iterable[Problem], name: str) -> None:
    for problem in problems:
        print(problem.text(name), file=sys.stderr)


def _translate(parsed: Parsed, name: str, *, attempt: int, **choices: Any) -> Rendered:
    if parsed.task is None:
        raise typer.Exit(2)
    from translator.service.template import load_template
    from translator.workflow.options import Options
    from translator.workflow.refusal import Untranslatable
    from translator.workflow.translate import translate

    try:
        return translate(parsed.task, attempt=attempt, options=Options(**choices), template=load_template())
    except Untranslatable as error:
        places = [parsed.place(f.path, f.message, f.hint, f.code) for f in error.faults]
        _report(sorted(places, key=lambda problem: (problem.line, problem.column)), name)
        raise typer.Exit(2) from error


def _written(rendered: Rendered, output: Format) -> str:
    from translator.workflow.text import as_json, as_yaml
    from translator.workflow.tree import tree

    if output is Format.TREE:
        return tree(rendered)
    return as_yaml(rendered.objects()) if output is Format.YAML else as_json(rendered.objects())
