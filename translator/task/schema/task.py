"""The whole taskYaml: the seed's own fields, on top of Kubernetes' structures."""

from __future__ import annotations

import ipaddress

from translator.task.duration import parse_duration
from translator.task.image import image_fault
from translator.task.names import Fault, env_name_fault, label_fault, qualified_name_fault, subdomain_fault
from translator.task.schema.affinity import AFFINITY, TOLERATIONS, TOPOLOGY_SPREAD_CONSTRAINTS
from translator.task.schema.kinds import (
    Rules,
    check,
    flag,
    labels,
    mapping,
    quantity,
    sequence,
    text,
)
from translator.task.schema.security import CONTAINER_SECURITY_CONTEXT, POD_SECURITY_CONTEXT
from translator.task.schema.volumes import FIELD_REF, RESOURCE_FIELD_REF, VOLUME, VOLUME_MOUNTS

MAX_STEPS = 1_000
"""A Workflow must stay well below etcd's limit of 1.5 MiB."""

_STANDARD_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def _duration_fault(value: str) -> Fault | None:
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


def _working_dir_fault(path: str) -> Fault | None:
    return None if path.startswith("/") else (f"{path!r} is not an absolute path", f"did you mean /{path}?")


def _ip_fault(value: str) -> Fault | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"{value!r} is not an IP address", "such as 10.0.0.1"
    return None


def _timeout() -> Rules:
    # an empty duration is an error in Go, too
    return text(empty=False) | {"check_with": check(_duration_fault, "bad-duration")}


_AMOUNTS: Rules = {
    "type": ["dict", "null-word"],
    "nullable": True,
    "keysrules": {"check_with": check(_resource_fault, "unknown-resource")},
    "valuesrules": quantity(required=True),
}

_COMPUTE_RESOURCES = mapping({"limits": _AMOUNTS, "requests": _AMOUNTS})

_KEY_REF = {"key": text(required=True), "name": text(required=True, find=subdomain_fault), "optional": flag()}

_ENV = sequence(
    mapping(
        {
            "name": text(required=True, find=env_name_fault, code="bad-env-name"),
            "value": text(),
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

_VOLUMES = sequence(VOLUME, blanks=True)

_POD_TEMPLATE = mapping(
    {
        "affinity": AFFINITY,
        "automountServiceAccountToken": flag(),
        "dnsConfig": mapping(
            {
                "nameservers": sequence(text(find=_ip_fault, code="bad-address"), blanks=True),
                "options": sequence(mapping({"name": text(required=True), "value": text()}), blanks=True),
                "searches": sequence(text(), blanks=True),
            }
        ),
        "dnsPolicy": text(allowed=("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")),
        "enableServiceLinks": flag(),
        "env": _ENV,
        "hostAliases": sequence(
            mapping(
                {
                    "hostnames": sequence(text(required=True, find=subdomain_fault)),
                    "ip": text(required=True, find=_ip_fault, code="bad-address"),
                }
            ),
            blanks=True,
        ),
        "hostNetwork": flag(),
        "imagePullSecrets": sequence(
            mapping({"name": text(required=True, find=subdomain_fault)}), blanks=True
        ),
        "nodeSelector": labels(),
        "priorityClassName": text(find=subdomain_fault),
        "runtimeClassName": text(find=subdomain_fault),
        "schedulerName": text(find=subdomain_fault),
        "securityContext": POD_SECURITY_CONTEXT,
        "tolerations": TOLERATIONS,
        "topologySpreadConstraints": TOPOLOGY_SPREAD_CONSTRAINTS,
        "volumes": _VOLUMES,
    }
)

_STEP = mapping(
    {
        "args": sequence(text()),
        "command": sequence(text()),
        "computeResources": _COMPUTE_RESOURCES,
        "env": _ENV,
        "image": text(required=True, find=image_fault, code="bad-image"),
        "imagePullPolicy": text(allowed=("Always", "Never", "IfNotPresent")),
        "name": text(required=True, find=label_fault),
        "onError": text(allowed=("continue", "stopAndFail")),
        "script": text(),
        "securityContext": CONTAINER_SECURITY_CONTEXT,
        "timeout": _timeout(),
        "volumeMounts": VOLUME_MOUNTS,
        "workingDir": text(find=_working_dir_fault, code="bad-path"),
    }
)

TASK: dict[str, Rules] = {
    "computeResources": _COMPUTE_RESOURCES,
    "podTemplate": _POD_TEMPLATE,
    "taskSpec": mapping(
        {
            "description": text(),
            "displayName": text(required=True),
            "steps": sequence(_STEP, required=True, minimum=1, maximum=MAX_STEPS),
            "volumes": _VOLUMES,
        },
        required=True,
    ),
    "timeout": _timeout(),
}
"""The schema of a taskYaml."""
