"""(state, observation) → (state, events): the one place that decides what agent-server is told of an attempt.

Observations may come twice, late, or not at all, as long as the newest ones come in the end: phases never go
backwards, a step that has ended stays as it ended, each event is told once, and sequence numbers have no
gaps.

The final status comes last. It waits for the end of every log of a step that has started, unless the verdict
says that the engine has nothing of the attempt: then a gap stands for what nobody has read. Whatever is seen
after the final status changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from translator.observe import ending, telling
from translator.observe.event import Event, Phase
from translator.observe.intake import by_name, repeats, taken_in
from translator.observe.observation import LogGap, LogLines, Observation
from translator.observe.standing import advanced
from translator.observe.state import StepState, TaskState


def begin(
    task_id: str, agent_id: str, attempt: int, steps: Sequence[str], now: str
) -> tuple[TaskState, list[Event]]:
    """Begin an attempt: the first event is the status Pending.

    Args:
        task_id: the task's id.
        agent_id: the agent that agent-server addressed.
        attempt: 1 for the task's first.
        steps: the steps' names, in the task's order.
        now: RFC 3339 in UTC, with a ``Z``.
    """
    blank = TaskState(task_id, agent_id, attempt, 0, Phase.PENDING, tuple(StepState(name) for name in steps))
    return telling.numbered(blank, [telling.status(blank)], now)


def observe(state: TaskState, seen: Observation, now: str) -> tuple[TaskState, list[Event]]:
    """Take one observation in.

    Args:
        state: of the attempt before it.
        seen: the observation.
        now: RFC 3339 in UTC, with a ``Z``: the events' time, but for log lines whose own time is known.

    Returns:
        The state after it, and the events that it causes, which belong into one transaction with that state.
    """
    seen = by_name(state, seen)
    if state.final or repeats(state, seen):
        return state, []
    known = taken_in(state, seen)
    if known == state and not isinstance(seen, LogLines | LogGap):
        return state, []
    after = advanced(known)
    if after.phase is Phase.PENDING and any(step.ran for step in after.steps):
        after = replace(after, phase=Phase.RUNNING)
    told = telling.changes(state, after)
    if isinstance(seen, LogLines | LogGap) and after.step(seen.step) is not None:
        told += telling.log(seen)
    if after.ending is not None and _complete(after):
        last = ending.told(after)
        after = replace(after, phase=last.phase)
        told += telling.unread(state) if after.overruled else []
        told.append(telling.final(after, last))
    return telling.numbered(after, told, now)


def _complete(state: TaskState) -> bool:
    if not all(step.phase.final for step in state.steps):
        return False
    # a pod that is behind its Workflow may have lines of which nobody knows yet
    return state.overruled or all(step.log_ended or not (step.ran or step.pod_open) for step in state.steps)
