"""Tasks that the service ends: revoked, or out of time."""

from __future__ import annotations

import pytest

from tests.e2e.kubectl import found
from tests.e2e.stage import Play, Scene, Stage
from tests.e2e.tasks import CLOCK, NOWHERE, task
from tests.e2e.told import Told, instant, lived
from translator.observe import reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")
scene = pytest.mark.scene


async def revoke_while_running(play: Play) -> None:
    await play.line("begun")
    assert (await play.revoke())["outcome"] == "accepted"


@scene(
    task("trap 'echo got-term; exit 9' TERM; echo begun; while :; do sleep 0.2; done", "echo unreachable"),
    act=revoke_while_running,
)
async def test_revoked_while_running_lets_the_process_end(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.REVOKED)
    assert told.outcomes[0][1::2] == ("Failed", reasons.REVOKED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")
    assert told.lines["s1"][0] == "begun"
    assert "got-term" in told.lines["s1"]
    assert told.gaps == []


@scene(
    task({"script": "echo begun; sleep 100", "onError": "continue"}, "echo unreachable"),
    act=revoke_while_running,
)
async def test_revoked_with_continue_does_not_go_on(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.REVOKED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")
    assert "s2" not in told.lines


@scene(
    task("trap 'echo not yet' TERM; echo begun; while :; do sleep 0.2; done"),
    act=revoke_while_running,
)
async def test_a_process_that_ignores_the_order_is_killed_after_the_grace(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.REVOKED)
    assert told.outcomes[0][1::2] == ("Failed", reasons.REVOKED)
    assert told.lines["s1"][0] == "begun"


async def revoke_while_pending(play: Play) -> None:
    await play.event(kind="step", name="s1", reason=reasons.UNSCHEDULABLE)
    assert (await play.revoke())["outcome"] == "accepted"


@scene(task("echo never", "echo never", podTemplate=NOWHERE), act=revoke_while_pending)
async def test_revoked_while_pending(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.REVOKED)
    assert told.lines == {}
    assert told.outcomes[1] == ("s2", "Skipped", None, "")


@scene(task("echo never", "echo never", podTemplate=NOWHERE), timeout=8)
async def test_the_deadline_holds_while_pending(told: Told) -> None:
    assert told.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    assert 8 <= told.seconds(told.events[0], told.final) <= 20
    assert "node affinity/selector" in told.first(kind="step", name="s1", phase="Pending")["message"]


@scene(task("trap 'echo got-term; exit 0' TERM; " + CLOCK), timeout=14)
async def test_the_deadline_lets_the_process_end(told: Told) -> None:
    assert told.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    lines = told.lines["s1"]
    assert "got-term" in lines
    assert lived([line for line in lines if line[0].isdigit()]) <= 15
    assert (instant(told.final) - instant(told.events[0])).total_seconds() <= 25


async def test_revoked_in_its_own_batch_it_is_never_submitted(stage: Stage) -> None:
    play = await stage.submit("revoked-at-once", Scene(task("echo never")), and_revoke=True)
    told = await stage.told(play.task_id)
    assert told.ended == ("Cancelled", reasons.REVOKED)
    assert told.outcomes == [("s1", "Skipped", None, "")]
    assert await found("workflows.argoproj.io", stage.namespace, f"codo.dev/task-id={play.task_id}") == []


async def test_a_revocation_that_comes_late_changes_nothing(stage: Stage) -> None:
    play = await stage.submit("late", Scene(task("true")))
    await stage.told(play.task_id)
    assert (await play.revoke())["outcome"] == "duplicate"
    assert (await stage.told(play.task_id)).ended == ("Succeeded", "")


async def test_a_retry_is_a_new_attempt_with_a_workflow_of_its_own(stage: Stage) -> None:
    play = await stage.submit("retried", Scene(task("echo run; exit 3")))
    first = await stage.told(play.task_id)
    assert (await stage.retry(play.task_id))["outcome"] == "accepted"
    second = await stage.told(play.task_id, attempt=2)
    for told in (first, second):
        assert told.ended == ("Failed", reasons.STEP_FAILED)
        assert told.lines == {"s1": ["run"]}
    assert first.workflow["name"].removesuffix("1") == second.workflow["name"].removesuffix("2")
    assert len(await found("workflows.argoproj.io", stage.namespace, f"codo.dev/task-id={play.task_id}")) == 2


async def suspend(play: Play, value: str) -> None:
    change = f'{{"spec": {{"suspend": {value}}}}}'
    await play.kubectl("patch", "workflow", await play.workflow(), "--type=merge", "-p", change)


async def suspend_and_revoke(play: Play) -> None:
    await play.line("begun")
    await suspend(play, "true")
    await play.event(kind="status", reason=reasons.SUSPENDED)
    assert (await play.revoke())["outcome"] == "accepted"


@scene(task("echo begun; sleep 100", "echo never"), act=suspend_and_revoke)
async def test_a_suspended_workflow_ends_when_it_is_revoked(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.REVOKED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")


async def suspend_and_leave(play: Play) -> None:
    await play.line("begun")
    await suspend(play, "true")


@scene(task("echo begun", "echo never"), timeout=20, act=suspend_and_leave)
async def test_a_suspended_workflow_ends_at_its_deadline(told: Told) -> None:
    assert told.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    assert told.first(kind="status", reason=reasons.SUSPENDED)["phase"] == "Running"


async def suspend_and_resume(play: Play) -> None:
    await play.line("begun")
    await suspend(play, "true")
    await play.event(kind="status", reason=reasons.SUSPENDED)
    await play.event(kind="step", name="s1", phase="Succeeded")
    await suspend(play, "null")


@scene(task("echo begun; sleep 2", "echo on"), act=suspend_and_resume)
async def test_a_resumed_workflow_goes_on(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines["s2"] == ["on"]
