"""``computeResources``: the task's override the step's, key by key (the seed's README)."""

from __future__ import annotations

from collections.abc import Mapping

from hera.workflows import models as m

from translator.task.model import Resources
from translator.task.quantity import NODE_RESOURCES


def resource_requirements(
    task: Resources, step: Resources, ceilings: Mapping[str, str]
) -> m.ResourceRequirements | None:
    """What a step's container asks for: a key that the task does not name stays the step's.

    Where there is a ceiling and no limit, the ceiling is the limit. Kubernetes would take a limit for the
    request, too; a step that requests nothing goes on to request nothing.

    Args:
        task: the task's.
        step: the step's.
        ceilings: of the policy, by resource.

    Returns:
        None where nobody says anything.
    """
    requests, limits = {**step.requests, **task.requests}, {**step.limits, **task.limits}
    for name in NODE_RESOURCES:
        if name in ceilings and name not in limits:
            limits[name] = ceilings[name]
            requests.setdefault(name, "0")
    if not requests and not limits:
        return None
    return m.ResourceRequirements.model_validate({"requests": requests or None, "limits": limits or None})
