"""Holds a PodSpec, as plain data, against a level of the Pod Security Standards."""

from __future__ import annotations

from collections.abc import Iterator

from translator.workflow.policy import baseline, restricted
from translator.workflow.policy.breach import Breach, Spec
from translator.workflow.policy.model import Level


def breaches(spec: Spec, level: Level, *, whole: bool) -> Iterator[Breach]:
    """What of a PodSpec the level forbids.

    Args:
        spec: the PodSpec.
        level: of the policy.
        whole: restricted also asks for what is not there; False: a part that will be filled up.
    """
    if level == "privileged":
        return
    for control in baseline.CONTROLS:
        yield from control(spec)
    if level == "restricted":
        for control in restricted.CONTROLS:
            yield from control(spec)
        if whole:
            yield from restricted.missing(spec)
