"""The kinds of fields that the schemas are built of.

Empty means "not set" for what is optional, as it does in Go's JSON: null, and for text an empty string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cerberus.errors import CUSTOM

from translator.task.names import Fault, label_value_fault, qualified_name_fault
from translator.task.node import OddFloat, OddInt
from translator.task.quantity import nearest_quantity, parse_quantity

Rules = dict[str, Any]
"""A cerberus rules set."""

INT32 = (1 << 31) - 1
INT64 = (1 << 63) - 1

LONGEST_TEXT = 4096
"""Characters of a text whose field says nothing else: the longest path that Linux takes."""

LONGEST_ANNOTATION = 256 * 1024
"""Characters of a text with a name of its own: Kubernetes' limit for all annotations together."""

MOST_ENTRIES = 1000
"""Entries of a list or a mapping whose field says nothing else."""

_OCTAL = re.compile(r"0[0-7]+")


def check(find: Callable[[Any], Fault | None], code: str) -> Callable[..., None]:
    """A cerberus ``check_with`` function from one that finds a fault in a value."""

    def checked(field: Any, value: Any, error: Callable[..., None]) -> None:
        fault = find(value) if value is not None else None
        if fault is not None:
            error(field, CUSTOM, *fault, code)

    return checked


def text(
    *,
    required: bool = False,
    allowed: Sequence[str] = (),
    find: Callable[[str], Fault | None] | None = None,
    code: str = "bad-name",
    longest: int = LONGEST_TEXT,
) -> Rules:
    """A string; ``find`` looks for faults in one that is not empty. A required one may not be empty."""
    rules: Rules = {"type": "string", "nullable": not required, "empty": not required, "maxlength": longest}
    if required:
        rules["required"] = True
    if allowed:
        rules["allowed"] = list(allowed)
    if find is not None:
        rules["check_with"] = check(find, code)
    return rules


def said(rules: Rules, english: str, chinese: str) -> Rules:
    """A field with what it means: `translator.task.reference` has every reader of these words."""
    return rules | {"meta": {"en": english, "zh": chinese}}


def whole(*, required: bool = False, minimum: int = 0, maximum: int = INT64) -> Rules:
    """An integer, in decimal digits: what YAML 1.1 reads otherwise (``0100``, ``12:30``) nobody means so."""
    bounds = {"min": minimum, "max": maximum}
    return _optional("integer", required) | bounds | {"check_with": check(_odd_fault, "number-form")}


def mode() -> Rules:
    """The permissions of a file: as everywhere, ``0644`` is octal."""
    bounds = {"min": 0, "max": 0o777}
    return _optional("integer", required=False) | bounds | {"check_with": check(_mode_fault, "number-form")}


def flag() -> Rules:
    """A boolean."""
    return _optional("boolean", required=False)


def mapping(
    fields: Mapping[str, Rules],
    *,
    required: bool = False,
    find: Callable[[Any], Fault | None] | None = None,
    code: str = "",
) -> Rules:
    """A mapping of known fields; ``find`` looks for faults in one as a whole."""
    rules = _optional("dict", required) | {"schema": dict(fields)}
    if find is not None:
        rules["check_with"] = check(find, code)
    return rules


def sequence(
    of: Rules, *, required: bool = False, minimum: int = 0, maximum: int = MOST_ENTRIES, blanks: bool = False
) -> Rules:
    """A list; ``blanks`` says that an item that is null or was cleaned away is left out."""
    kinds = of["type"]
    if not blanks and isinstance(kinds, list):
        kinds = [kind for kind in kinds if kind != "null-word"]
    items = of | {"nullable": blanks, "type": kinds}
    rules = _optional("list", required) | {"schema": items, "maxlength": maximum}
    if minimum:
        rules["minlength"] = minimum
    return rules


def texts() -> Rules:
    """A list of strings that are not empty."""
    return sequence(text(required=True) | {"required": False})


def texts_by_name() -> Rules:
    """A mapping of the user's own names to strings."""
    values = {"type": "string", "maxlength": LONGEST_ANNOTATION}
    return _optional("dict", required=False) | {"maxlength": MOST_ENTRIES, "valuesrules": values}


def labels() -> Rules:
    """A mapping of label keys to label values."""
    return _optional("dict", required=False) | {
        "maxlength": MOST_ENTRIES,
        "keysrules": {"check_with": check(qualified_name_fault, "bad-name")},
        "valuesrules": {"type": "string", "check_with": check(label_value_fault, "bad-name")},
    }


def quantity(*, required: bool = False) -> Rules:
    """A Kubernetes quantity that is not negative; numbers count as their text."""
    types = ["string", "integer", "float"] + ([] if required else ["null-word"])
    return {"type": types, "nullable": not required, "check_with": check(_quantity_fault, "bad-quantity")}


def _quantity_fault(value: Any) -> Fault | None:
    if not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, OddInt | OddFloat):
        digits = _digits(value.written)
        hint = f"did you mean {digits}?" if digits else "such as 500m, 2, 128Mi, 1Gi"
        return f"{value.written} is not a quantity: YAML reads it as {_plain(value)}", hint
    try:
        amount = parse_quantity(str(value))
    except ValueError as error:
        meant = nearest_quantity(str(value))
        return str(error), f"did you mean {meant}?" if meant else "such as 500m, 2, 128Mi, 1Gi"
    return ("a quantity may not be negative", "") if amount < 0 else None


def _plain(value: float) -> str:
    return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)


def _digits(written: str) -> str:
    """The number that was probably meant, as people write it (``010`` → ``10``), or an empty text."""
    digits = written.lstrip("0").replace("_", "")
    return digits if digits.isdecimal() else ""


def _odd_fault(value: Any) -> Fault | None:
    if not isinstance(value, OddInt):
        return None
    digits = _digits(value.written)
    hint = f"write {_plain(value)}" + (f" or {digits}" if digits not in ("", _plain(value)) else "")
    return f"YAML reads {value.written} as {_plain(value)}", hint


def _mode_fault(value: Any) -> Fault | None:
    if isinstance(value, OddInt) and _OCTAL.fullmatch(value.written):
        return None
    return _odd_fault(value)


def _optional(kind: str, required: bool) -> Rules:
    if required:
        return {"type": kind, "required": True, "nullable": False}
    return {"type": [kind, "null-word"], "nullable": True}
