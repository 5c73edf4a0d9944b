"""A cerberus schema compiled to closures that say only whether data keeps it.

Nearly every document keeps the schema, and cerberus takes ten times as long to say so: it makes a validator
for each mapping and list. Who breaks it is told by cerberus itself, so that messages have one source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

from cerberus import TypeDefinition

from translator.task.schema.kinds import Rules

Kept = Callable[[Any], bool]
"""Whether a value keeps its rules."""

_RULES = frozenset(
    (
        "allowed",
        "check_with",
        "empty",
        "keysrules",
        "max",
        "maxlength",
        "meta",
        "min",
        "minlength",
        "nullable",
        "required",
        "schema",
        "type",
        "valuesrules",
    )
)


class _Broken(Exception):  # noqa: N818 - it says so
    pass


def compiled(fields: Mapping[str, Rules], types: Mapping[str, TypeDefinition]) -> Kept:
    """A function that says whether a mapping keeps the schema.

    Args:
        fields: a cerberus schema, of the rules that this project uses.
        types: the validator's types by name.

    Raises:
        ValueError: a rule that is not known here, or a type that does not exist.
    """
    known = {name: _field(rules, types) for name, rules in fields.items()}
    required = frozenset(name for name, rules in fields.items() if rules.get("required"))

    def keeps(value: Mapping[str, Any]) -> bool:
        for name, item in value.items():
            kept = known.get(name)
            if kept is None or not kept(item):
                return False
        return required <= value.keys()

    return keeps


def _field(rules: Rules, types: Mapping[str, TypeDefinition]) -> Kept:
    if unknown := rules.keys() - _RULES:
        raise ValueError(f"the rule {min(unknown)} is not known here")
    right_type = _type(rules.get("type", ()), types)
    nullable, says_empty, empty = bool(rules.get("nullable")), "empty" in rules, bool(rules.get("empty"))
    of_null = [_check_with(rules["check_with"])] if "check_with" in rules else []
    of_empty = [make(rules, types) for name, make in _DEEP.items() if name in rules]
    of_any = [_CONTENT[name](rules[name]) for name in _CONTENT if name in rules] + of_empty

    def keeps(value: Any) -> bool:
        if value is None:
            return nullable and all(kept(None) for kept in of_null)
        if not right_type(value):
            return False
        if says_empty and not value and isinstance(value, Sized):
            return empty and all(kept(value) for kept in of_empty)
        for kept in of_any:  # noqa: SIM110 - all() would make a generator for each value
            if not kept(value):
                return False
        return True

    return keeps


def _type(names: str | Iterable[str], types: Mapping[str, TypeDefinition]) -> Kept:
    wanted = [types[name] for name in ((names,) if isinstance(names, str) else names)]
    if not wanted:
        return lambda _: True
    if any(each.excluded_types for each in wanted):
        return lambda value: any(
            isinstance(value, each.included_types) and not isinstance(value, each.excluded_types)
            for each in wanted
        )
    included = tuple(kind for each in wanted for kind in each.included_types)
    return lambda value: isinstance(value, included)


def _schema(rules: Rules, types: Mapping[str, TypeDefinition]) -> Kept:
    """Of each item of a list, or of a mapping's fields."""
    if "list" in rules["type"]:
        item = _field(rules["schema"], types)
        return lambda value: not isinstance(value, list) or all(map(item, value))
    fields = compiled(rules["schema"], types)
    return lambda value: not isinstance(value, dict) or fields(value)


def _keys(rules: Rules, types: Mapping[str, TypeDefinition]) -> Kept:
    key = _field(rules["keysrules"], types)
    return lambda value: not isinstance(value, dict) or all(map(key, value))


def _values(rules: Rules, types: Mapping[str, TypeDefinition]) -> Kept:
    item = _field(rules["valuesrules"], types)
    return lambda value: not isinstance(value, dict) or all(map(item, value.values()))


def _bound(is_over: Callable[[Any], bool]) -> Kept:
    def keeps(value: Any) -> bool:
        try:
            return not is_over(value)
        except TypeError:  # what cannot be compared is no number, which the type judges
            return True

    return keeps


def _check_with(check: Callable[..., None]) -> Kept:
    def keeps(value: Any) -> bool:
        try:
            check("", value, _break)
        except _Broken:
            return False
        return True

    return keeps


def _break(*_: Any) -> None:
    raise _Broken


_DEEP: Mapping[str, Callable[[Rules, Mapping[str, TypeDefinition]], Kept]] = {
    "min": lambda rules, _: _bound(lambda value: value < rules["min"]),
    "max": lambda rules, _: _bound(lambda value: value > rules["max"]),
    "schema": _schema,
    "keysrules": _keys,
    "valuesrules": _values,
}

_CONTENT: Mapping[str, Callable[[Any], Kept]] = {
    "allowed": lambda words: lambda value: value in words,
    "check_with": _check_with,
    "minlength": lambda least: lambda value: not isinstance(value, Sized) or len(value) >= least,
    "maxlength": lambda most: lambda value: not isinstance(value, Sized) or len(value) <= most,
}
"""What cerberus does not ask of a value that is empty, where the field says what it thinks of that."""
