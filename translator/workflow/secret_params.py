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
    "voucher",
    "pwd",
    "passphrase",
    "access_key",
    "authorization",
    "session",
    "cookie",
    "*密码*",
    "*口令*",
    "*密钥*",
    "*令牌*",
    "*凭证*",
)
"""The default of the setting ``secretParams``."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W0-9_a-zA-Z]+")
_FOLLOWING = frozenset(
    ["id", "ids", "value", "header", "code", "string", "text", "data", "key", "base64", "b64"]
)
"""Words that may follow those of a pattern: ``session_id`` is secret, a ``session_timeout`` is not."""

LONGEST_NAME = 1000
MOST_WORDS = 6
"""Of a pattern."""

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
    """Whether a parameter of this name is secret: upper and lower case count the same.

    A pattern without ``*``, ``?`` or ``[`` names whole words, the last ones of a name: ``access_key`` fits
    ``aws-access-key``, ``accessKeyId`` and ``ACCESS_KEY_2``.
    """
    lower = name.lower()
    ends = _ends(name)
    return any(
        fnmatchcase(lower, pattern.lower()) or (pattern.isascii() and _together(pattern) in ends)
        for pattern in patterns
    )


def _ends(name: str) -> set[str]:
    """The last one, two … words of a name written together, also without plural, number and `_FOLLOWING`."""
    words = [word.lower() for word in _WORD.findall(name[:LONGEST_NAME])]
    ends: set[str] = set()
    while words:
        texts = ["".join(words[-count:]) for count in range(1, min(len(words), MOST_WORDS) + 1)]
        ends |= {*texts, *(text.removesuffix("s") for text in texts if len(text) > 1)}
        if not (words[-1].isdigit() or words[-1] in _FOLLOWING):
            return ends
        words.pop()
    return ends


def _together(pattern: str) -> str:
    return "" if set(pattern) & set("*?[") else "".join(_WORD.findall(pattern)).lower() or pattern


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
