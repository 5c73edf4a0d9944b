"""The starter tasks that come with the project: ``templates/tasks/``."""

from __future__ import annotations

from dataclasses import dataclass

from translator.service.template import templates


@dataclass(frozen=True, slots=True)
class Starter:
    """One starter task.

    Attributes:
        about: its first line, which says what it is for.
        text: the file.
    """

    about: str
    text: str


def starter_tasks() -> dict[str, Starter]:
    """All of them, by name."""
    found = {}
    for file in sorted((templates() / "tasks").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        found[file.stem] = Starter(text.partition("\n")[0].removeprefix("#").strip(), text)
    return found
