"""What Redis and the engine say of one task, compared: what does not fit together, and is to be mended. Pure.

Redis may be behind for a moment, and so may a list of Workflows. So nothing is mended that is not found
twice, with a pause in between in which nothing of the task moved (`translator.service.reconcile`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from translator.observe.observation import Holding
from translator.store.record import Open


class Kind(StrEnum):
    """What was found, and what mends it."""

    NOT_SUBMITTED = "not-submitted"
    """Accepted, no Workflow, and nobody submits it: it is submitted."""

    NOT_RECORDED = "not-recorded"
    """There is a Workflow, the record does not know it, and nobody submits the task: it is adopted."""

    NOT_FOLLOWED = "not-followed"
    """It runs, and nobody follows it: it is followed."""

    NOT_REPORTED = "not-reported"
    """It has ended, that is not recorded, and nobody follows it: it is followed to its end."""

    WORKFLOW_GONE = "workflow-gone"
    """The Workflow no longer exists, and nobody follows it: it is followed, which tells just that."""

    NOT_RELEASED = "not-released"
    """All of it is durable, or nobody wants it, but the engine still keeps the Workflow: it is released."""

    NOT_DELIVERED = "not-delivered"
    """There are events that agent-server does not hold, and nobody delivers them: they are delivered."""

    RECORD_LOST = "record-lost"
    """A Workflow of this installation that nobody released, without a record: that is made again from it."""


@dataclass(frozen=True, slots=True)
class Busy:
    """What is being worked at for a task in this process."""

    submitting: bool = False
    following: bool = False
    delivering: bool = False


def discrepancies(task: Open | None, held: Holding | None, busy: Busy) -> tuple[Kind, ...]:
    """What does not fit together.

    Args:
        task: what Redis holds; None: nothing.
        held: the Workflow of the task's current attempt, or of another one; None: there is none.
        busy: what is being done about it.
    """
    if task is None:
        return (Kind.RECORD_LOST,) if held is not None and held.kept else ()
    if held is not None and held.attempt > task.attempt:
        # Redis is older than the Workflow: a state of before the retry was restored
        return (Kind.RECORD_LOST,) if held.kept else ()
    found = [kind] if (kind := _work(task, held, busy)) is not None else []
    if task.backlog and not task.parked and not busy.delivering:
        found.append(Kind.NOT_DELIVERED)
    return tuple(found)


def _work(task: Open, held: Holding | None, busy: Busy) -> Kind | None:
    if held is not None and held.attempt < task.attempt:
        # a retry begins when the attempt before it was released, so nothing of that one is unread
        return Kind.NOT_RELEASED if held.kept else None
    if not task.submitted:
        return _unsubmitted(task, held, busy)
    if not task.runs:
        return _released(task, held)
    return None if busy.following else _unfollowed(task, held)


def _unsubmitted(task: Open, held: Holding | None, busy: Busy) -> Kind | None:
    if task.ended:
        return _released(task, held)
    if busy.submitting:
        return None
    return Kind.NOT_SUBMITTED if held is None else Kind.NOT_RECORDED


def _released(task: Open, held: Holding | None) -> Kind | None:
    return Kind.NOT_RELEASED if task.ended and held is not None and held.kept else None


def _unfollowed(task: Open, held: Holding | None) -> Kind:
    if task.ended:
        return Kind.NOT_RELEASED
    if held is None:
        return Kind.WORKFLOW_GONE
    return Kind.NOT_REPORTED if held.ended else Kind.NOT_FOLLOWED
