"""FILE as the commands take it: read, checked and translated, with every problem told at its place."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.settings.argo import Argo
    from translator.task.parse import Parsed
    from translator.task.problem import Problem
    from translator.workflow.options import Options
    from translator.workflow.rendered import Rendered

CONFIG = typer.Option(
    None,
    "--config",
    metavar="FILE",
    help="The service's settings: policy, layout, Workflow template, and of run the cluster (argo).",
)
"""The option ``--config`` of the commands that read a task."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the settings say, as far as a task depends on it.

    Attributes:
        options: of the translation.
        template: the file of the Workflow template.
        argo: which cluster, and which namespaces; None: no settings were given.
    """

    options: Options
    template: Path | None
    argo: Argo | None = None


def shown(file: str) -> str:
    """The file's name for messages: ``-`` is standard input, and a name may hold any bytes."""
    if file == "-":
        return "<stdin>"
    return file.encode(errors="surrogateescape").decode(errors="backslashreplace")


def read(file: str) -> bytes:
    """The file's bytes, but for those of a document that is too large anyway; ``-`` is standard input.

    Raises:
        OSError: it cannot be read.
    """
    from translator.task.document import MAX_BYTES

    # One byte more than is allowed tells a document that is too large; the rest is of no use.
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def cannot_read(file: str, error: OSError) -> str:
    """Why a file cannot be read, in one line."""
    return f"{shown(file)}: cannot be read: {error.strerror or error}"


def parse(
    file: str, *, task_id: str, agent_id: str, namespace: str | None, timeout: int | None, params: str | None
) -> Parsed:
    """The task in a file; problems go to stderr.

    Raises:
        typer.Exit: with 2: it cannot be read, or is no valid task.
    """
    from translator.task.parse import parse_task

    try:
        text = read(file)
    except OSError as error:
        print(cannot_read(file, error), file=sys.stderr)
        raise typer.Exit(2) from error
    parsed = parse_task(
        text, task_id=task_id, agent_id=agent_id, namespace=namespace, timeout=timeout, params=params
    )
    _tell(parsed.problems, file)
    if parsed.task is None:
        raise typer.Exit(2)
    return parsed


def chosen(config: Path | None, **over: Any) -> Chosen:
    """What the service's settings say of a translation; the built-in defaults where there are none.

    Args:
        config: the file with the settings.
        over: options that the command line gives, by field name; None: it does not.

    Raises:
        typer.Exit: with 2: the file cannot be used.
    """
    from translator.workflow.options import Options

    options, template, argo = Options(), None, None
    if config is not None:
        from translator.service.options import options as of_settings
        from translator.settings import InvalidSettingsError, load_settings

        try:
            settings = load_settings(config)
        except InvalidSettingsError as error:
            print(error.message, file=sys.stderr)
            raise typer.Exit(2) from error
        options, template, argo = of_settings(settings), settings.workflow.template, settings.argo
    given = {name: value for name, value in over.items() if value is not None}
    return Chosen(replace(options, **given), template, argo)


def template_of(choices: Chosen) -> Mapping[str, Any]:
    """What every Workflow starts from.

    Raises:
        typer.Exit: with 2: it cannot be used.
    """
    from translator.errors import PermanentError
    from translator.service.template import load_template

    try:
        return load_template(choices.template)
    except PermanentError as error:
        print(error.message, file=sys.stderr)
        raise typer.Exit(2) from error


def translated(parsed: Parsed, file: str, *, attempt: int, choices: Chosen) -> Rendered:
    """The objects of a parsed task; faults go to stderr.

    Raises:
        typer.Exit: with 2: no Workflow can do what the task says.
    """
    from translator.workflow.refusal import Untranslatable, placed
    from translator.workflow.translate import translate

    assert parsed.task is not None, "parse() has seen to it"
    template = template_of(choices)
    try:
        return translate(parsed.task, attempt=attempt, options=choices.options, template=template)
    except Untranslatable as error:
        told = set(parsed.problems)  # parse() has told them
        _tell([problem for problem in placed(parsed, error.faults) if problem not in told], file)
        raise typer.Exit(2) from error


def _tell(problems: Iterable[Problem], file: str) -> None:
    for problem in problems:
        print(problem.text(shown(file)), file=sys.stderr)
