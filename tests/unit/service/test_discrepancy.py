"""Every combination of what Redis, the engine and the workers say of a task."""

from __future__ import annotations

from itertools import product

import pytest

from translator.observe.observation import Holding, WorkflowRef
from translator.service.discrepancy import Busy, Kind, discrepancies
from translator.store.record import Open

REF = WorkflowRef("default", "w", "uid")
BOOLS = (False, True)

WORKFLOWS = [
    None,
    *(
        Holding(REF, "t", attempt, "here", kept=kept, ended=ended)
        for attempt, kept, ended in product((1, 2, 3), BOOLS, BOOLS)
    ),
]
TASKS = [
    None,
    *(
        Open("t", waits, runs, backlog, parked, attempt=2, ended=ended, submitted=submitted)
        for waits, runs, backlog, parked, ended, submitted in product(
            BOOLS, BOOLS, (0, 3), ("", "no"), BOOLS, BOOLS
        )
        # what the store can say: a Workflow that runs is known, and who has one does not wait
        if submitted or not runs
        if not (waits and (submitted or ended))
    ),
]
BUSY = [Busy(*flags) for flags in product(BOOLS, BOOLS, BOOLS)]


def combinations():
    return product(TASKS, WORKFLOWS, BUSY)


def is_current(task, held):
    return held is not None and held.attempt == task.attempt


def test_there_are_as_many_combinations_as_there_should_be():
    assert (len(TASKS), len(WORKFLOWS), len(BUSY)) == (1 + 4 * (2 + 2 + 1 + 2), 13, 8)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_found_somewhere(kind):
    assert any(kind in discrepancies(*each) for each in combinations())


def test_the_whole_table():
    for task, held, busy in combinations():
        found = set(discrepancies(task, held, busy))
        if task is None:
            assert found == ({Kind.RECORD_LOST} if held and held.kept else set())
            continue
        if held and held.attempt > task.attempt:
            assert found == ({Kind.RECORD_LOST} if held.kept else set())
            continue
        expected = set()
        if task.backlog and not task.parked and not busy.delivering:
            expected.add(Kind.NOT_DELIVERED)
        stale = held is not None and held.attempt < task.attempt
        if stale:
            expected |= {Kind.NOT_RELEASED} if held.kept else set()
        elif task.submitted and task.runs:
            expected |= set() if busy.following else {unfollowed(task, held)}
        elif task.submitted or task.ended:
            expected |= {Kind.NOT_RELEASED} if held and held.kept and task.ended else set()
        elif not busy.submitting:
            expected.add(Kind.NOT_RECORDED if held else Kind.NOT_SUBMITTED)
        assert found == expected, (task, held, busy)


def unfollowed(task, held):
    if task.ended:
        return Kind.NOT_RELEASED
    if held is None:
        return Kind.WORKFLOW_GONE
    return Kind.NOT_REPORTED if held.ended else Kind.NOT_FOLLOWED


def test_while_everybody_works_only_what_nobody_can_work_at_is_found():
    everybody = Busy(submitting=True, following=True, delivering=True)
    for task, held in product(TASKS, WORKFLOWS):
        assert set(discrepancies(task, held, everybody)) <= {Kind.RECORD_LOST, Kind.NOT_RELEASED}


def test_a_workflow_is_never_released_while_its_log_may_be_unread():
    for task, held, busy in combinations():
        if Kind.NOT_RELEASED in discrepancies(task, held, busy):
            assert task.ended or not is_current(task, held)
            # its follower, who knows whether the log is durable, releases what the store has not released
            assert not (is_current(task, held) and task.runs and not task.ended)


def test_a_parked_task_is_not_delivered_and_nothing_is_found_in_a_finished_one():
    for task, held, busy in combinations():
        if task is not None and task.parked:
            assert Kind.NOT_DELIVERED not in discrepancies(task, held, busy)
    done = Open("t", False, False, 0, "", attempt=2, ended=True, submitted=True)
    for held in (None, Holding(REF, "t", 2, "here", kept=False, ended=True)):
        assert discrepancies(done, held, Busy()) == ()
