from __future__ import annotations

from dataclasses import replace
from typing import Any

from translator.observe.event import Phase, StepPhase
from translator.observe.spans import spans
from translator.observe.state import StepState, TaskState

BEGAN, SUBMITTED, ENDED, HELD = (f"2026-01-01T00:00:0{second}Z" for second in (0, 1, 6, 7))


def ran(name: str, phase: StepPhase, from_: int, to: int, **more: Any) -> StepState:
    times = {"started_at": f"2026-01-01T00:00:0{from_}Z", "finished_at": f"2026-01-01T00:00:0{to}Z"}
    return StepState(name, phase, **times, **more)


STEPS = (
    ran("one", StepPhase.SUCCEEDED, 2, 3, exit_code=0, pod="p"),
    ran("two", StepPhase.FAILED, 4, 5, exit_code=137, reason="OOMKilled"),
    StepState("three", StepPhase.SKIPPED),
)
WORKFLOW = {"namespace": "n", "name": "w", "uid": "u", "url": "http://x"}
STATE = TaskState("t", "a", 2, 9, Phase.SUCCEEDED, STEPS, workflow=WORKFLOW)
FIRST = [{"time": BEGAN, "kind": "status"}, {"time": SUBMITTED, "kind": "status", "workflow": {"name": "w"}}]
LAST = {"time": ENDED, "kind": "status"}


def test_an_attempt_from_its_submission_to_the_acknowledgement():
    whole, submit, one, two, deliver = spans(STATE, FIRST, LAST, HELD)
    assert (whole.name, whole.start, whole.end, whole.failed) == ("task Succeeded", BEGAN, HELD, "")
    assert whole.attributes == {
        "codo.task.id": "t", "codo.agent.id": "a", "codo.attempt": 2, "codo.phase": "Succeeded",
        "argo.workflow.namespace": "n", "argo.workflow.name": "w",
    }  # fmt: skip
    assert (submit.name, submit.start, submit.end) == ("submit", BEGAN, SUBMITTED)
    assert one.attributes == {
        "codo.step": "one", "codo.phase": "Succeeded", "codo.exit_code": 0, "k8s.pod.name": "p"
    }  # fmt: skip
    assert (two.name, two.failed) == ("step two", "OOMKilled")
    assert (deliver.start, deliver.end) == (ENDED, HELD)


def test_one_that_failed_says_why():
    overdue = replace(STATE, phase=Phase.TIMED_OUT)
    last = LAST | {"reason": "TaskDeadlineExceeded"}
    assert spans(overdue, FIRST, last, HELD)[0].failed == "TaskDeadlineExceeded"
    assert spans(replace(STATE, phase=Phase.FAILED), FIRST, LAST, HELD)[0].failed == "Failed"


def test_one_that_was_never_submitted_has_only_what_happened():
    never = replace(STATE, phase=Phase.CANCELLED, steps=(StepState("one", StepPhase.SKIPPED),), workflow={})
    assert [span.name for span in spans(never, FIRST[:1], LAST, HELD)] == ["task Cancelled", "deliver"]
