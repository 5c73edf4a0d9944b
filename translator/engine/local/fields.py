"""Which fields of a Workflow this engine understands, which mean nothing here, and which it does not know.

A field that is new here is never passed over in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.engine.local.refusal import refused

_QUIET = frozenset(
    [
        "arguments",
        "archiveLogs",
        "artifactGC",
        "automountServiceAccountToken",
        "displayName",
        "executor",
        "imagePullSecrets",
        "metadata",
        "name",
        "podDisruptionBudget",
        "podGC",
        "podMetadata",
        "podPriority",
        "podPriorityClassName",
        "priority",
        "priorityClassName",
        "serviceAccountName",
        "ttlStrategy",
        "volumeClaimGC",
        "workflowMetadata",
        "timeout",
    ]
)
"""Fields about the cluster's own housekeeping; a process sees nothing of them. (A template's ``timeout``
counts scheduling too, which does not exist here.)"""

_IGNORED = frozenset(
    [
        "affinity",
        "dnsConfig",
        "dnsPolicy",
        "hostAliases",
        "hostNetwork",
        "nodeSelector",
        "podSpecPatch",
        "schedulerName",
        "securityContext",
        "tolerations",
    ]
)
"""Fields that would matter to a pod and have no effect here; the user is told."""

WORKFLOW = frozenset(
    [
        "entrypoint",
        "templates",
        "templateDefaults",
        "volumes",
        "volumeClaimTemplates",
        "activeDeadlineSeconds",
    ]
)
POD = frozenset(
    ["inputs", "outputs", "volumes", "activeDeadlineSeconds", "script", "container", "containerSet"]
)
DAG = frozenset(["tasks", "target"])
DAG_TASK = frozenset(
    ["name", "template", "arguments", "dependencies", "depends", "continueOn", "displayName"]
)
CONTAINER_SET = frozenset(["containers", "volumeMounts"])


def sort_out(fields: Mapping[str, Any], known: frozenset[str], kind: str, step: str) -> list[tuple[str, str]]:
    """The fields to tell as ignored, after refusing the unknown ones.

    Args:
        fields: of a part of the manifest.
        known: those that its reader understands.
        kind: what the part is called.
        step: which step it belongs to; empty: all of them.

    Returns:
        The step and the field of each.

    Raises:
        PermanentError: a field is unknown.
    """
    for field, value in fields.items():
        if value not in (None, {}, [], "") and field not in known | _QUIET | _IGNORED:
            raise refused(
                step or "the Workflow", f"the local engine does not know the {kind}'s field {field}"
            )
    return [
        (step, field)
        for field, value in fields.items()
        if field in _IGNORED and value not in (None, {}, [], "")
    ]
