"""Fields that several parts of a taskYaml share: timeouts, resources, environment variables, volumes."""

from __future__ import annotations

from translator.task.document import MAX_BYTES
from translator.task.duration import parse_duration
from translator.task.names import Fault, env_name_fault, qualified_name_fault, subdomain_fault
from translator.task.schema.kinds import MOST_ENTRIES, Rules, check, flag, mapping, quantity, sequence, text
from translator.task.schema.volumes import FIELD_REF, RESOURCE_FIELD_REF, VOLUME

_LONGEST_DURATION = 64
"""Characters: all units of a duration of 290 years, each with all its digits, are fewer."""

_STANDARD_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def _duration_fault(value: str) -> Fault | None:
    if len(value) > _LONGEST_DURATION:
        return None  # `text` tells that it is too long
    hint = 'a number and a unit (ns, us, ms, s, m, h), such as "300ms", "10s", "1h30m"'
    try:
        ns = parse_duration(value)
    except ValueError as error:
        return str(error), hint
    return None if ns > 0 else (f"a timeout of {value} would end the task before it begins", "longer than 0")


def _resource_fault(name: str) -> Fault | None:
    if name in _STANDARD_RESOURCES or name.startswith("hugepages-"):
        return None
    if "/" not in name:
        return f"{name!r} is no resource of a container", ", ".join(_STANDARD_RESOURCES) + " or domain/name"
    return qualified_name_fault(name)


def timeout() -> Rules:
    """A duration as Go reads it, longer than zero; empty means "not set", as it does everywhere."""
    return text(find=_duration_fault, code="bad-duration", longest=_LONGEST_DURATION)


_AMOUNTS: Rules = {
    "type": ["dict", "null-word"],
    "maxlength": MOST_ENTRIES,
    "nullable": True,
    "keysrules": {"check_with": check(_resource_fault, "unknown-resource")},
    "valuesrules": quantity(required=True),
}

COMPUTE_RESOURCES = mapping({"limits": _AMOUNTS, "requests": _AMOUNTS})

_KEY_REF = {"key": text(required=True), "name": text(required=True, find=subdomain_fault), "optional": flag()}

ENV = sequence(
    mapping(
        {
            "name": text(required=True, find=env_name_fault, code="bad-env-name"),
            "value": text(longest=MAX_BYTES),  # `translator.task.rules` counts its bytes
            "valueFrom": mapping(
                {
                    "configMapKeyRef": mapping(_KEY_REF),
                    "fieldRef": FIELD_REF,
                    "fileKeyRef": mapping(
                        {
                            "key": text(required=True),
                            "optional": flag(),
                            "path": text(required=True),
                            "volumeName": text(required=True),
                        }
                    ),
                    "resourceFieldRef": RESOURCE_FIELD_REF,
                    "secretKeyRef": mapping(_KEY_REF),
                }
            ),
        }
    ),
    blanks=True,
)

VOLUMES = sequence(VOLUME, blanks=True)
