"""What the level ``restricted`` needs and a task need not say.

Only what is absent is filled in, and only what is safe for any program that does not ask for more: no more
rights than its parent, no capabilities, the runtime's own seccomp filter, no root. A program that needs root
does not start; the event says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.workflow.policy.model import Policy
from translator.workflow.policy.pods import ARGO_CONTAINERS
from translator.workflow.template import merged, read_patch, write_patch

ARGO_USER = 8737
"""The user of Argo's executor where it is not root (its own image ``argoexec-nonroot`` has it)."""

_CONTAINER: Mapping[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def filled(workflow: Mapping[str, Any], policy: Policy) -> Mapping[str, Any]:
    """The Workflow with what the policy's level needs of every pod."""
    if policy.level != "restricted":
        return workflow
    spec = dict(workflow["spec"])
    pod: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if policy.run_as_user is not None:
        pod["runAsUser"] = policy.run_as_user
    given = spec.get("securityContext") or {}
    spec["securityContext"] = {**pod, **given}
    spec["templates"] = [_template(template) for template in spec.get("templates") or ()]
    # Argo adds containers of its own, without a securityContext unless its controller is told otherwise.
    argo = (
        dict(_CONTAINER) if "runAsUser" in spec["securityContext"] else {**_CONTAINER, "runAsUser": ARGO_USER}
    )
    patch = {kind: [{"name": name, "securityContext": argo}] for kind, name in ARGO_CONTAINERS}
    try:
        under = read_patch(spec.get("podSpecPatch") or "{}")
    except ValueError:
        return {**workflow, "spec": spec}  # judge_workflow tells
    spec["podSpecPatch"] = write_patch(merged(patch, under))
    return {**workflow, "spec": spec}


def _template(template: Mapping[str, Any]) -> Mapping[str, Any]:
    changed = dict(template)
    for kind in ("container", "script"):
        if template.get(kind):
            changed[kind] = _container(template[kind])
    for kind in ("initContainers", "sidecars"):
        if template.get(kind):
            changed[kind] = [_container(each) for each in template[kind]]
    if template.get("containerSet"):
        containers = [_container(each) for each in template["containerSet"].get("containers") or ()]
        changed["containerSet"] = {**template["containerSet"], "containers": containers}
    return changed


def _container(container: Mapping[str, Any]) -> Mapping[str, Any]:
    given = container.get("securityContext") or {}
    context = {**_CONTAINER, **given}
    context["capabilities"] = {**_CONTAINER["capabilities"], **(given.get("capabilities") or {})}
    return {**container, "securityContext": context}
