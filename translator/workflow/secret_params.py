"""``scriptParams`` that are secret: they travel in a Secret that the Workflow owns, never in the Workflow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from hashlib import sha256

from translator.task.model import Task
from translator.workflow.names import secrets_name, workflow_name

SECRET_PARAMS = (
    "*password*",
    "*passwd*",
    "*secret*",
    "*token*",
    "*credential*",
    "*api_key*",
    "*apikey*",
    "*private_key*",
)
"""The default of the setting ``secretParams``."""

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where a task's secret parameters lie.

    Attributes:
        name: the Secret's.
        keys: by parameter, the key in it.
    """

    name: str
    keys: Mapping[str, str]


def secrets_of(task: Task, attempt: int, patterns: Iterable[str]) -> Secrets:
    """Where the task's secret parameters lie; `keys` is empty where it has none.

    Args:
        task: the task.
        attempt: its number.
        patterns: of their names.
    """
    wanted = tuple(patterns)
    name = secrets_name(workflow_name(task.task_id, attempt))
    return Secrets(name, {each: secret_key(each) for each, _ in task.params if is_secret(each, wanted)})


def is_secret(name: str, patterns: Iterable[str]) -> bool:
    """Whether a parameter of this name is secret: upper and lower case count the same."""
    lower = name.lower()
    return any(fnmatchcase(lower, pattern.lower()) for pattern in patterns)


def secret_names(params: Iterable[tuple[str, str]], patterns: Iterable[str]) -> tuple[str, ...]:
    """The names of those parameters that are secret."""
    wanted = tuple(patterns)
    return tuple(name for name, _ in params if is_secret(name, wanted))


def exactly(names: Iterable[str]) -> tuple[str, ...]:
    """Patterns that fit these names."""
    return tuple(map(escape, names))


def secret_values(params: Iterable[tuple[str, str]], patterns: Iterable[str]) -> tuple[str, ...]:
    """The values that nobody may see."""
    wanted = tuple(patterns)
    return tuple(text for name, text in params if is_secret(name, wanted))


def secret_key(name: str) -> str:
    """A parameter's key in the Secret: its name where that may be a key, else made from it."""
    if _KEY.fullmatch(name) and name not in (".", "..") and not name.startswith("param-"):
        return name
    return f"param-{sha256(name.encode()).hexdigest()[:16]}"
