"""``translator render FILE``: the objects that a task becomes."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from translator.cli import task_file

if TYPE_CHECKING:
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
    file: str = typer.Argument(..., metavar="FILE", help="The taskYaml; - reads standard input."),
    output: Format = typer.Option(Format.JSON, "--format", help="json is one List."),
    task_id: str = typer.Option("render", "--task-id", help="Names and labels come from it."),
    agent_id: str = typer.Option("", "--agent-id", help="The agent that agent-server addressed."),
    namespace: str | None = typer.Option(
        None, "--namespace", help="Where the Workflow runs. Default: default."
    ),
    timeout: int | None = typer.Option(None, "--timeout", help="args.timeout, in seconds."),
    params: str | None = typer.Option(None, "--params", help="scriptParams, a JSON object."),
    attempt: int = typer.Option(1, "--attempt", min=1, help="The attempt's number."),
    layout: LayoutChoice | None = typer.Option(None, "--layout", help="dag: one pod a step. pod: one."),
    standalone: bool = typer.Option(False, "--standalone", help="Leave out what needs the service."),
    config: Path | None = task_file.CONFIG,
) -> None:
    """Print the objects that a task becomes."""
    choices = task_file.chosen(config, layout=layout and layout.value, standalone=standalone)
    parsed = task_file.parse(
        file, task_id=task_id, agent_id=agent_id, namespace=namespace, timeout=timeout, params=params
    )
    sys.stdout.write(_written(task_file.translated(parsed, file, attempt=attempt, choices=choices), output))


def _written(rendered: Rendered, output: Format) -> str:
    from translator.workflow.text import as_json, as_yaml
    from translator.workflow.tree import tree

    if output is Format.TREE:
        return tree(rendered)
    return as_yaml(rendered.objects()) if output is Format.YAML else as_json(rendered.objects())
