"""The kinds of fields that the schemas are built of.

Empty means "not set" for what is optional, as it does in Go's JSON: null, and for text an empty string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cerberus.errors import CUSTOM

from translator.task.names import Fault, label_value_fault, qualified_name_fault
from translator.task.quantity import nearest_quantity, parse_quantity

Rules = dict[str, Any]
"""A cerberus rules set."""

INT32 = (1 << 31) - 1
INT64 = (1 << 63) - 1


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
    empty: bool = True,
) -> Rules:
    """A string; ``find`` looks for faults in one that is not empty. A required one may not be empty."""
    rules: Rules = {"type": "string", "nullable": not required, "empty": empty and not required}
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
    """An integer."""
    return _optional("integer", required) | {"min": minimum, "max": maximum}


def flag() -> Rules:
    """A boolean."""
    return _optional("boolean", required=False)


def mapping(fields: Mapping[str, Rules], *, required: bool = False) -> Rules:
    """A mapping of known fields."""
    return _optional("dict", required) | {"schema": dict(fields)}


def sequence(
    of: Rules, *, required: bool = False, minimum: int = 0, maximum: int = 0, blanks: bool = False
) -> Rules:
    """A list; ``blanks`` says that an item that is null or was cleaned away is left out."""
    rules = _optional("list", required) | {"schema": of | {"nullable": blanks}}
    if minimum:
        rules["minlength"] = minimum
    if maximum:
        rules["maxlength"] = maximum
    return rules


def texts() -> Rules:
    """A list of strings that are not empty."""
    return sequence(text(required=True) | {"required": False})


def texts_by_name() -> Rules:
    """A mapping of the user's own names to strings."""
    return _optional("dict", required=False) | {"valuesrules": {"type": "string"}}


def labels() -> Rules:
    """A mapping of label keys to label values."""
    return _optional("dict", required=False) | {
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
    try:
        amount = parse_quantity(str(value))
    except ValueError as error:
        meant = nearest_quantity(str(value))
        return str(error), f"did you mean {meant}?" if meant else "such as 500m, 2, 128Mi, 1Gi"
    return ("a quantity may not be negative", "") if amount < 0 else None


def _optional(kind: str, required: bool) -> Rules:
    if required:
        return {"type": kind, "required": True, "nullable": False}
    return {"type": [kind, "null-word"], "nullable": True}
