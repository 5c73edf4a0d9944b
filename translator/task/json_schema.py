"""The JSON Schema of a taskYaml, for editors.

It takes whatever `translator validate` takes, and tells unknown keys, wrong types and wrong words while one
writes. What only a closer look finds (names, durations, one field against another) is left to ``validate``.
"""

from __future__ import annotations

import re
from typing import Any

from translator.task.operator_object import GROUP, KIND
from translator.task.schema.kinds import Rules
from translator.task.schema.task import TASK
from translator.task.schema_findings import KUBERNETES_FIELDS

_TYPES = {
    "boolean": "boolean",
    "dict": "object",
    "float": "number",
    "integer": "integer",
    "list": "array",
    "string": "string",
}


def json_schema(language: str = "en") -> dict[str, Any]:
    """The schema, draft 2020-12.

    Args:
        language: of the descriptions: ``en`` or ``zh``.
    """
    task = _schema({"type": "dict", "schema": TASK}, language, own=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "taskYaml",
        "if": {"properties": {"kind": {"const": KIND}}, "required": ["kind"]},
        "then": _operator_object(task),
        "else": {"$ref": "#/$defs/task"},
        "$defs": {"task": task},
    }


def _operator_object(task: dict[str, Any]) -> dict[str, Any]:
    """The operator's object around a task (`translator.task.operator_object`)."""
    fields = {name: {"$ref": f"#/$defs/task/properties/{name}"} for name in task["properties"]}
    spec = {
        **task,
        "properties": {
            **fields,
            "status": {"not": {"const": "TaskRunCancelled"}},
            "statusMessage": {"type": "string"},
        },
    }
    metadata = {"type": ["object", "null"], "properties": {"namespace": {"type": ["string", "null"]}}}
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "pattern": f"^{re.escape(GROUP)}"},
            "kind": {"const": KIND},
            "metadata": metadata,
            "spec": spec,
            "status": True,
        },
        "required": ["apiVersion", "kind", "spec"],
        "additionalProperties": False,
    }


def _schema(rules: Rules, language: str, *, own: bool, optional: bool = False) -> dict[str, Any]:
    """One field.

    Args:
        rules: cerberus's.
        language: of the descriptions.
        own: unknown keys are errors; inside Kubernetes' structures they are left out with a warning.
        optional: an item of a list in which blank entries are left out, so that nothing in it is required.
    """
    types = [rules["type"]] if isinstance(rules["type"], str) else list(rules["type"])
    found = [_TYPES[name] for name in types if name in _TYPES]
    if rules.get("nullable"):
        found.append("null")
    result: dict[str, Any] = {"type": found[0] if len(found) == 1 else found}
    if "meta" in rules:
        result["description"] = rules["meta"][language]
    if "allowed" in rules:
        # an empty value means "not set"
        result["enum"] = [*rules["allowed"], *([] if rules.get("required") else ["", None])]
    for ours, theirs in (("min", "minimum"), ("max", "maximum")):
        if ours in rules:
            result[theirs] = rules[ours]
    if "string" in types and "maxlength" in rules:
        result["maxLength"] = rules["maxlength"]
    if "list" in types:
        result |= _list(rules, language, own=own)
    elif "dict" in types:
        result |= _object(rules, language, own=own, optional=optional)
    return result


def _list(rules: Rules, language: str, *, own: bool) -> dict[str, Any]:
    item = rules["schema"]
    result: dict[str, Any] = {"items": _schema(item, language, own=own, optional=bool(item.get("nullable")))}
    for ours, theirs in (("minlength", "minItems"), ("maxlength", "maxItems")):
        if ours in rules:
            result[theirs] = rules[ours]
    return result


def _object(rules: Rules, language: str, *, own: bool, optional: bool) -> dict[str, Any]:
    if "schema" not in rules:
        most = {"maxProperties": rules["maxlength"]} if "maxlength" in rules else {}
        return {"additionalProperties": _schema(rules["valuesrules"], language, own=own), **most}
    fields: dict[str, Rules] = rules["schema"]
    result: dict[str, Any] = {
        "properties": {
            name: _schema(field, language, own=own and name not in KUBERNETES_FIELDS)
            for name, field in sorted(fields.items())
        }
    }
    required = sorted(name for name, field in fields.items() if field.get("required"))
    if required and not optional:
        result["required"] = required
    if own:
        result["additionalProperties"] = False
    return result
