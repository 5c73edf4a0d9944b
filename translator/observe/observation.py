"""What can be seen of one attempt: the inputs of `translator.observe.reducer`.

The service adds `Submitted`, `Waiting` and the verdicts, engines the rest. The local engine produces
Argo-shaped Workflow objects, so that one reducer serves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from translator.observe.record import known


@dataclass(frozen=True, slots=True)
class WorkflowRef:
    """The Argo object of one attempt."""

    namespace: str
    name: str
    uid: str

    def as_json(self) -> dict[str, Any]:
        """The reference as JSON data, from which `from_json` makes it again."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Make a reference of what `as_json` gave."""
        return cls(**known(cls, data))


@dataclass(frozen=True, slots=True)
class AttemptRef:
    """An attempt as the service knows it, whatever somebody has made of its objects' labels."""

    task_id: str
    agent_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A Workflow that an engine has, and what can be said of it without reading all of it.

    Attributes:
        task_id: of the task.
        attempt: of the task.
        installation: whose it is (`translator.workflow.names.INSTALLATION`); empty: no service submitted it.
        kept: nobody has released it.
        ended: it has ended.
    """

    ref: WorkflowRef
    task_id: str
    attempt: int
    installation: str
    kept: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """The engine holds the Workflow.

    Attributes:
        url: where a person can watch it (Argo's UI), empty where that is not known.
        timeout: how long the task may take, as a Go duration.
    """

    ref: WorkflowRef
    url: str = ""
    timeout: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The engine does not take the Workflow yet: somebody has to mend something first.

    Attributes:
        reason: one of `translator.observe.reasons`.
        message: what is missing, in one sentence.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class WorkflowSeen:
    """The Workflow as it is now (any version may be skipped or repeated).

    An engine that begins to follow tells the pods first: a Workflow that has ended, and whose nodes Argo
    keeps elsewhere, says nothing of its steps.
    """

    object: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkflowGone:
    """The Workflow no longer exists."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Whether the Workflow can be seen.

    Attributes:
        why_not: what keeps the engine from seeing it, in one sentence; empty: it is seen again.
    """

    why_not: str


@dataclass(frozen=True, slots=True)
class PodSeen:
    """One pod of the Workflow as it is now."""

    object: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodGone:
    """A pod no longer exists; `object` is its last known form."""

    object: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogLines:
    r"""Lines that the user's process of one step wrote, each once and in order.

    Attributes:
        step: the step's name.
        lines: text without line ends; invalid bytes as ``\xNN``.
        cursor: JSON data from which the engine resumes after these lines; stored in the same transaction.
        time: RFC 3339 time of the last line, where the engine knows it.
    """

    step: str
    lines: tuple[str, ...]
    cursor: Mapping[str, Any]
    time: str = ""


@dataclass(frozen=True, slots=True)
class LogGap:
    """Lines of a step are known to be missing.

    Attributes:
        why: one sentence.
        missing: how many lines, where that is known.
        cursor: as in `LogLines`.
    """

    step: str
    why: str
    missing: int | None
    cursor: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogEnd:
    """No more log of this step will come: it was read to its end, or can no longer be read.

    The final status waits for it for every step that has started. An engine that cannot tell whether a step
    has, because its pod is gone, says it too: for a step that never started it changes nothing.
    """

    step: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The service decided how the attempt ends, whatever the engine ends it with.

    Attributes:
        phase: ``Cancelled``, ``TimedOut``, or ``Error`` (the engine refused or lost the task).
        reason: one of `translator.observe.reasons`.
        message: what happened, in one sentence; of one that is TimedOut, the reducer adds how long the task
            might take, and where it stood.
        ended: the engine has nothing of this attempt (it was never submitted, or is gone): the attempt ends
            now, without waiting for the Workflow or for logs. Otherwise the final status waits until the
            engine has ended it.
    """

    phase: str
    reason: str
    message: str
    ended: bool = False


Observation = (
    Submitted
    | Waiting
    | WorkflowSeen
    | WorkflowGone
    | Visibility
    | PodSeen
    | PodGone
    | LogLines
    | LogGap
    | LogEnd
    | Verdict
)
