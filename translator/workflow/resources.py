"""``computeResources``: the task's override the step's, key by key (the seed's README)."""

from __future__ import annotations

from hera.workflows import models as m

from translator.task.model import Resources


def resource_requirements(task: Resources, step: Resources) -> m.ResourceRequirements | None:
    """What a step's container asks for: a key that the task does not name stays the step's.

    Returns:
        None where neither says anything.
    """
    requests, limits = {**step.requests, **task.requests}, {**step.limits, **task.limits}
    if not requests and not limits:
        return None
    return m.ResourceRequirements.model_validate({"requests": requests or None, "limits": limits or None})
