"""What was last seen of one step: of its node in a Workflow, and of its pod.

Sights come late, twice, or not at all: `after` joins a new one with the one before, and never goes backwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from translator.observe.reasons import IMAGE_NOT_FOUND, IMAGE_PULL_DENIED, IMAGE_PULL_FAILED

LONGEST_MESSAGE: Final = 2000
"""Characters of a message that are kept: the state is stored with every event."""

_NODE_RANK: Final = {"": 0, "Pending": 1, "Running": 2}
_CONTAINER_RANK: Final = {"": 0, "waiting": 1, "running": 2, "terminated": 3}
_EXACT_PULL: Final = frozenset({IMAGE_NOT_FOUND, IMAGE_PULL_DENIED})


@dataclass(frozen=True, slots=True)
class NodeSight:
    """A step's node, as a Workflow's status has it.

    Attributes:
        kind: ``Pod``, ``Container`` or ``Skipped``.
        phase: Argo's: Pending, Running, Succeeded, Failed, Error, Skipped or Omitted.
        message: Argo's words, without the container's name before them.
        exit_code: of the container, where Argo tells it.
        started_at: when the node began, scheduling and image pull included.
        finished_at: when Argo saw it end.
        timeout: the step's timeout, where a deadline ended it.
        overdue: the Workflow's own deadline had passed when the node ended.
        ran: a sight of this node or one before it was Running.
    """

    kind: str = "Pod"
    phase: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: str = ""
    finished_at: str = ""
    timeout: str = ""
    overdue: bool = False
    ran: bool = False

    @property
    def final(self) -> bool:
        """Whether Argo says that the node has ended."""
        return self.phase not in _NODE_RANK

    def after(self, before: NodeSight | None) -> NodeSight:
        """Join this sight with the one before it."""
        if before is None:
            return self
        if before.final or _NODE_RANK.get(self.phase, 3) < _NODE_RANK[before.phase]:
            return before
        return replace(self, ran=self.ran or before.ran)


@dataclass(frozen=True, slots=True)
class PodSight:
    """A step's container, as its pod has it.

    Attributes:
        name: the pod's name.
        phase: the pod's phase.
        reason: why the pod as a whole failed, such as ``Evicted`` or ``DeadlineExceeded``.
        message: Kubernetes' words to that.
        shared: the pod has all steps' containers (layout pod).
        container: ``waiting``, ``running``, ``terminated``, or empty before the kubelet knows it.
        exit_code: of the container, unless Kubernetes had to make one up.
        why: the container's own reason for its end, such as ``OOMKilled``.
        told: the container's termination message.
        started_at: when the container started; empty if it never did.
        finished_at: when it ended.
        problem: the reason for which the step cannot start, one of `translator.observe.reasons`.
        problem_message: Kubernetes' words to that.
        timeout: the step's timeout, from the pod's annotation.
        deleted: somebody ordered the pod's deletion before the container had ended.
        gone: the pod no longer exists.
    """

    name: str = ""
    phase: str = ""
    reason: str = ""
    message: str = ""
    shared: bool = False
    container: str = ""
    exit_code: int | None = None
    why: str = ""
    told: str = ""
    started_at: str = ""
    finished_at: str = ""
    problem: str = ""
    problem_message: str = ""
    timeout: str = ""
    deleted: bool = False
    gone: bool = False

    @property
    def final(self) -> bool:
        """Whether every container of the pod has ended."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def ran(self) -> bool:
        """Whether the step's container started."""
        return bool(self.started_at)

    @property
    def may_start(self) -> bool:
        """Whether the container has not started, as far as this tells, and nothing keeps it from it."""
        return not (self.ran or self.final or self.gone or self.problem)

    def after(self, before: PodSight | None) -> PodSight:
        """Join this sight with the one before it."""
        if before is None:
            return self
        known = before if before.rank > self.rank else self
        stuck = before if self._tells_less_than(before) else self
        return replace(
            known,
            problem=stuck.problem,
            problem_message=stuck.problem_message,
            deleted=before.deleted or self.deleted,
            gone=before.gone or self.gone,
        )

    @property
    def rank(self) -> int:
        """How far the container has come: it never goes back."""
        return 4 if self.final else _CONTAINER_RANK[self.container]

    def _tells_less_than(self, before: PodSight) -> bool:
        """Whether the problem that was known before is the better one to tell.

        An ended pod has no waiting containers any more, and a back-off does not repeat why the pull failed.
        """
        ended = not self.problem and (self.final or self.deleted or self.gone)
        vague = self.problem == IMAGE_PULL_FAILED and before.problem in _EXACT_PULL
        return ended or vague or before.rank > self.rank
