"""``scriptParams``: how each value becomes the text of an environment variable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from translator.task.document import MAX_BYTES
from translator.task.finding import Finding
from translator.task.names import env_name_fault, env_name_warning
from translator.task.path import Path
from translator.task.problem import Severity
from translator.task.rules import MAX_STRING

PREFIX = "codo_"
"""What stands before a parameter's name in the environment."""

_PATH: Path = ("args", "scriptParams")
_EXAMPLE = 'such as {"abc": "1"}'


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, repeated names included."""


class _Number(str):
    """A JSON number's own text, so that 1.0 stays 1.0 and long numbers stay exact."""

    __slots__ = ()


def read_params(params: Any) -> tuple[tuple[tuple[str, str], ...], list[Finding]]:
    """The parameters as (name, text), in their order.

    Text stays as it is; numbers keep their JSON text; true and false become ``true`` and ``false``; null
    becomes an empty text; lists and objects are faults.

    Args:
        params: a JSON object as text, or one that was parsed; None and empty text mean that there are none.

    Returns:
        The parameters, and the faults found.
    """
    if params is None or params == "":
        return (), []
    if isinstance(params, str):
        pairs, faults = _parse(params)
    elif isinstance(params, Mapping):
        pairs, faults = list(params.items()), []
    else:
        message = f"scriptParams must be a JSON object, or one as text, not {type(params).__name__}"
        return (), [Finding(_PATH, message, _EXAMPLE, "wrong-type")]
    values: dict[str, str] = {}
    for name, value in pairs:
        text = _text(value)
        fault = _fault(name, text)
        if fault is None and name in values:
            fault = Finding(
                (*_PATH, name), f"the parameter {name} is given twice", "remove one", "duplicate-key"
            )
        if fault is not None:
            faults.append(fault)
        elif text is not None:
            values[name] = text
            if (new := env_name_warning(PREFIX + name)) is not None:
                faults.append(Finding((*_PATH, name), *new, "new-env-name", Severity.WARNING))
    return tuple(values.items()), faults


def missing_params(data: Mapping[str, Any], given: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """A fault for each of ``require.fields`` that is not among the parameters."""
    names = {name for name, _ in given}
    for index, name in enumerate((data.get("require") or {}).get("fields") or ()):
        if name not in names:
            message = f"the task requires the parameter {name!r}, which is not given"
            hint = f"give it in scriptParams: {json.dumps({name: '…'}, ensure_ascii=False)}"
            yield Finding(("require", "fields", index), message, hint, "missing-param")


def _parse(text: str) -> tuple[list[tuple[str, Any]], list[Finding]]:
    if len(text) > MAX_BYTES:
        return [], [
            Finding(_PATH, f"scriptParams has {len(text)} characters", f"at most {MAX_BYTES}", "too-large")
        ]
    try:
        data = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_refuse,
        )
    except json.JSONDecodeError as error:
        message = f"scriptParams is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        return [], [Finding(_PATH, message, _EXAMPLE, "bad-json")]
    except ValueError as error:
        return [], [Finding(_PATH, f"scriptParams is not JSON: {error}", _EXAMPLE, "bad-json")]
    except RecursionError:
        return [], [Finding(_PATH, "scriptParams is nested too deeply", _EXAMPLE, "bad-json")]
    if not isinstance(data, _Pairs):
        return [], [Finding(_PATH, "scriptParams is not a JSON object", _EXAMPLE, "wrong-type")]
    return data, []


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _text(value: Any) -> str | None:
    """The value's text; None for a value that has none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, float)):
        try:
            return json.dumps(value, allow_nan=False)
        except ValueError:
            return None
    return None


def _fault(name: Any, text: str | None) -> Finding | None:
    path = (*_PATH, str(name))
    if not isinstance(name, str) or env_name_fault(PREFIX + name) is not None or not name:
        hint = f"it becomes the variable {PREFIX}<name>: printable ASCII characters without '='"
        return Finding(path, f"{str(name)[:80]!r} is not a parameter's name", hint, "bad-param-name")
    if text is None:
        hint = "write it as JSON text in quotes"
        return Finding(path, "a parameter is text, a finite number, a boolean or null", hint, "nested-param")
    if "\0" in text or not _encodable(text):
        return Finding(
            path, "the value holds a character that no variable can hold", "remove it", "bad-character"
        )
    if len(f"{PREFIX}{name}={text}".encode()) > MAX_STRING:
        return Finding(path, "the value is too long for Linux", f"at most {MAX_STRING} bytes", "too-long")
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
