"""On which nodes a task may run: what it tolerates, and by which labels it chooses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.look import sub
from translator.task.model import Task
from translator.workflow.policy.model import Policy, allows
from translator.workflow.refusal import POLICY_CODE, Fault, not_allowed

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

_AWAY = ("NotIn", "DoesNotExist")
"""Operators by which a task keeps away from nodes."""


def node_faults(task: Task, policy: Policy) -> Iterator[Fault]:
    """Tolerations, node selectors and node affinities that the policy forbids."""
    yield from _tolerations(task, policy)
    for key in task.pod.node_selector:
        if not allows(policy.node_selectors, key):
            yield _selector(f'podTemplate.nodeSelector["{key}"]', key)
    for path, term in _node_terms(sub(task.pod.affinity, "nodeAffinity")):
        for kind in ("matchExpressions", "matchFields"):
            for index, entry in enumerate(term.get(kind) or ()):
                key = str(entry.get("key", ""))
                if entry.get("operator") not in _AWAY and not allows(policy.node_selectors, key):
                    yield _selector(f"{path}.{kind}[{index}].key", key)


def _tolerations(task: Task, policy: Policy) -> Iterator[Fault]:
    for index, toleration in enumerate(task.pod.tolerations):
        key = str(toleration.get("key") or "")
        hint, code = "policy.tolerations says which are allowed", POLICY_CODE + "toleration"
        if not key and not ("*" in policy.tolerations and not any(p[:1] == "!" for p in policy.tolerations)):
            message = "a toleration without a key tolerates every taint, also of nodes that are not for tasks"
            path, hint = f"podTemplate.tolerations[{index}]", f"name the key; {hint}"
            yield Fault(path, message, hint, code)
        elif key and not allows(policy.tolerations, key):
            message = f"a task may not tolerate the taint {key}"
            yield Fault(f"podTemplate.tolerations[{index}].key", message, hint, code)


def _node_terms(affinity: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    at = "podTemplate.affinity.nodeAffinity"
    for index, term in enumerate(sub(affinity, _REQUIRED).get("nodeSelectorTerms") or ()):
        yield f"{at}.{_REQUIRED}.nodeSelectorTerms[{index}]", term
    for index, entry in enumerate(affinity.get(_PREFERRED) or ()):
        yield f"{at}.{_PREFERRED}[{index}].preference", entry.get("preference") or {}


def _selector(path: str, key: str) -> Fault:
    message = f"a task may not choose nodes by the label {key}"
    return not_allowed(path, message, "nodeSelectors", "node-selector")
