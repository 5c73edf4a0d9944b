"""The fields of a taskYaml with what they mean: what `translator explain` and the reference pages show.

Inside Kubernetes' own structures the fields are Kubernetes' own, and so is their documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from translator.task.schema.kinds import Rules
from translator.task.schema.task import TASK
from translator.task.schema_findings import KUBERNETES_FIELDS

_KINDS = {
    "boolean": "boolean",
    "dict": "object",
    "float": "number",
    "integer": "integer",
    "list": "list",
    "string": "string",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        path: from the top, such as ``taskSpec.steps[].image``.
        kind: string, integer, boolean, object, ``object[]``, quantity …
        required: whether a taskYaml without it is refused (inside what it belongs to).
        allowed: the only values, if there are only some.
        meaning: by language (``en``, ``zh``); empty below the seed's own fields.
        below: the fields in it.
        kubernetes: what is in it is Kubernetes' own.
    """

    path: str
    kind: str
    required: bool
    allowed: tuple[str, ...]
    meaning: Mapping[str, str]
    below: tuple[Field, ...]
    kubernetes: bool

    @property
    def name(self) -> str:
        """The key alone."""
        return self.path.rpartition(".")[2].removesuffix("[]")


def fields() -> tuple[Field, ...]:
    """The fields at the top of a taskYaml, by name, each with those below."""
    return _fields(TASK, "")


def all_fields() -> Iterator[Field]:
    """Every field, each before those in it; not what is in Kubernetes' own structures."""
    for field in fields():
        yield from _with_below(field)


def find(path: str) -> Field | None:
    """The field of a path, written with or without ``[]`` and indexes, or None."""
    at: Field | None = None
    here = fields()
    for name in path.split("."):
        at = next((field for field in here if field.name == name.partition("[")[0]), None)
        if at is None:
            return None
        here = at.below
    return at


def _with_below(field: Field) -> Iterator[Field]:
    yield field
    if not field.kubernetes:
        for inner in field.below:
            yield from _with_below(inner)


def _fields(schema: Mapping[str, Rules], before: str) -> tuple[Field, ...]:
    return tuple(_field(name, rules, before) for name, rules in sorted(schema.items()))


def _field(name: str, rules: Rules, before: str) -> Field:
    kind, inner = _kind(rules)
    path = f"{before}{name}{'[]' if kind.endswith('[]') and inner else ''}"
    return Field(
        path=path,
        kind=kind,
        required=bool(rules.get("required")),
        allowed=tuple(rules.get("allowed", ())),
        meaning=rules.get("meta", {}),
        below=_fields(inner, f"{path}."),
        kubernetes=name in KUBERNETES_FIELDS,
    )


def _kind(rules: Rules) -> tuple[str, Mapping[str, Any]]:
    """What a field is, and the fields in it."""
    types = [rules["type"]] if isinstance(rules["type"], str) else list(rules["type"])
    if "float" in types:
        return "quantity", {}
    name = _KINDS[types[0]]
    if name == "list":
        kind, inner = _kind(rules["schema"])
        return f"{kind}[]", inner
    if name == "object" and "schema" not in rules:
        return f"map of {_kind(rules['valuesrules'])[0]}", {}
    return name, rules.get("schema", {}) if name == "object" else {}
