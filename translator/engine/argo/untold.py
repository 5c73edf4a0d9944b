"""What was seen of a Workflow and its pods, and waits to be told: of each object only the newest form."""

from __future__ import annotations

from collections.abc import Callable

from translator.observe.observation import Observation

WORKFLOW = "workflow"
END = "end"
"""Of the Workflow, too: that it is gone."""

VISIBILITY = "visibility"
"""Whether the Workflow can be seen."""

_LAST = (WORKFLOW, END)


class Untold:
    """Observations by what they are about, in the order in which they came.

    Args:
        wake: called when there is something to take.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: dict[str, Observation] = {}

    def put(self, about: str, seen: Observation) -> None:
        """Add an observation; an earlier one about the same need not be told any more."""
        self._waiting.pop(about, None)
        self._waiting[about] = seen
        self._wake()

    def take(self, *, pods_known: bool) -> list[Observation]:
        """What may be told: of the Workflow only when its pods are known, and after them.

        A Workflow that has ended may say nothing of its steps (Argo can keep their nodes elsewhere).
        """
        last = {about: seen for about in _LAST if (seen := self._waiting.pop(about, None)) is not None}
        told = list(self._waiting.values())
        self._waiting = {} if pods_known else last
        return [*told, *last.values()] if pods_known else told
