"""The command ``translator explain``: what the fields of a taskYaml mean, as ``kubectl explain`` does it."""

from __future__ import annotations

import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.task.reference import Field

_WIDTH = 100


class Form(StrEnum):
    """How fields are printed."""

    TEXT = "text"
    MARKDOWN = "markdown"


class Language(StrEnum):
    """Of the explanations."""

    EN = "en"
    ZH = "zh"


def explain(
    field: str = typer.Argument("", help="A path, such as taskSpec.steps.timeout; left out: the top."),
    language: Language = typer.Option(Language.EN, help="en or zh."),
    form: Form = typer.Option(Form.TEXT, "--format", help="text; markdown: a table of all fields."),
) -> None:
    """Say what a field of a taskYaml means and which fields are in it. Exit code 2: there is none."""
    from translator.task.reference import fields, find

    if form is Form.MARKDOWN:
        typer.echo("\n".join(_table(language)))
        return
    if not field:
        _list(fields(), language)
        return
    found = find(field)
    if found is None:
        typer.echo(f"explain: a taskYaml has no field {field}{_hint(field)}", err=True)
        raise typer.Exit(2)
    typer.echo(f"{found.path} <{_kind(found)}>")
    if found.meaning:
        _paragraph(found.meaning[language])
    if found.kubernetes:
        _paragraph(_KUBERNETES[language])
    if found.below:
        typer.echo()
        _list(found.below, language)


_HEADS = {
    Language.EN: ("field", "type", "meaning", "Required"),
    Language.ZH: ("字段", "类型", "含义", "必填"),
}


def _table(language: Language) -> Iterator[str]:
    from translator.task.reference import all_fields

    path, kind, meaning, required = _HEADS[language]
    yield f"| {path} | {kind} | {meaning} |"
    yield "| --- | --- | --- |"
    for field in all_fields():
        words = [f"{required}." if language is Language.EN else f"{required}。"] if field.required else []
        words += [field.meaning[language]] if field.meaning else []
        words += [", ".join(f"`{word}`" for word in field.allowed)] if field.allowed else []
        yield f"| `{field.path}` | {field.kind} | {' '.join(words)} |"


_KUBERNETES = {
    Language.EN: "What is in it is Kubernetes' own: see `kubectl explain pod.spec`.",
    Language.ZH: "内部结构与 Kubernetes 相同：见 `kubectl explain pod.spec`。",
}


def _hint(path: str) -> str:
    import difflib

    from translator.task.reference import all_fields

    known = {field.path.replace("[]", "") for field in all_fields()}
    near = difflib.get_close_matches(path.replace("[]", ""), known, n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""


def _list(found: tuple[Field, ...], language: Language) -> None:
    for field in found:
        typer.echo(f"  {field.name} <{_kind(field)}>")
        if field.meaning:
            _paragraph(field.meaning[language], indent="    ")


def _kind(field: Field) -> str:
    words = [field.kind]
    if field.allowed:
        words.append(" | ".join(field.allowed))
    if field.required:
        words.append("required")
    return ", ".join(words)


def _paragraph(text: str, indent: str = "  ") -> None:
    typer.echo(textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent))
