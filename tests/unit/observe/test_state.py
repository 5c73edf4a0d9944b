from __future__ import annotations

import json

from translator.observe.event import Phase, StepPhase
from translator.observe.sight import NodeSight, PodSight
from translator.observe.state import Ending, StepState, TaskState

FULL = TaskState(
    "t",
    "a",
    2,
    7,
    Phase.RUNNING,
    (
        StepState("s1", StepPhase.FAILED, "StepFailed", "no", 3, "x", "y", "pod", ran=True, log_ended=True),
        StepState(
            "s2",
            node=NodeSight(phase="Running", ran=True),
            seen_pod=PodSight("pod-2", problem="Unschedulable"),
        ),
        StepState("s3"),
    ),
    {"namespace": "n", "name": "w", "uid": "u"},
    {"s1": {"last": "x"}},
    Ending(Phase.CANCELLED, "Revoked", "revoked"),
    ending=Ending(Phase.FAILED),
)


def test_what_was_stored_comes_back():
    assert TaskState.from_json(json.loads(json.dumps(FULL.as_json()))) == FULL


def test_what_is_absent_takes_no_room():
    assert StepState("s3").as_json() == {"name": "s3"}
    assert FULL.as_json()["steps"][1] == {
        "name": "s2",
        "node": {"phase": "Running", "ran": True},
        "seen_pod": {"name": "pod-2", "problem": "Unschedulable"},
    }


def test_an_exit_code_of_zero_is_not_absent():
    assert StepState("s", exit_code=0).as_json()["exit_code"] == 0


def test_final_is_told_by_the_phase():
    assert not FULL.final
    assert TaskState("t", "a", 1, 1, Phase.TIMED_OUT, ()).final


def test_steps_by_name():
    assert FULL.step("s3") == StepState("s3")
    assert FULL.step("s4") is None
