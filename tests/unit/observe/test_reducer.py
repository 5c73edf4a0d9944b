"""The reducer where recordings do not reach: by hand, one situation each."""

from __future__ import annotations

import pytest

from tests.unit.observe.replay import NOW, brief, outcomes, run, stored
from tests.unit.observe.shapes import RUNNING, T, ended, gone, node, pod, workflow
from translator.observe.observation import (
    LogEnd,
    LogGap,
    LogLines,
    Submitted,
    Verdict,
    Visibility,
    Waiting,
    WorkflowGone,
    WorkflowRef,
    WorkflowSeen,
)
from translator.observe.reducer import begin, observe
from translator.observe.state import TaskState
from translator.observe.telling import UNREAD

REF = WorkflowRef("jobs", "wf", "u-1")
DENIED = 'failed to pull "r/x": 401 Unauthorized'


def told(steps, *seen):
    _, events = run(steps, seen)
    return [brief(event) for event in events[1:]]


def last(steps, *seen):
    state, events = run(steps, seen)
    assert state.final
    return events[-1].body


def test_the_first_event_is_pending_and_the_second_says_where():
    state, events = begin("t", "agent", 2, ["a"], NOW)
    assert events[0].as_json() == {
        "taskId": "t",
        "agentId": "agent",
        "attempt": 2,
        "seq": 1,
        "time": NOW,
        "kind": "status",
        "phase": "Pending",
    }
    _, events = observe(state, Submitted(REF, "https://argo/wf"), NOW)
    assert events[0].body == {
        "phase": "Pending",
        "workflow": {"namespace": "jobs", "name": "wf", "uid": "u-1", "url": "https://argo/wf"},
    }


def test_submitted_is_told_once_and_knows_the_url_that_the_workflow_does_not():
    state, events = run(["a"], [workflow(), Submitted(REF, "https://argo/wf")])
    assert len(events) == 2
    assert state.workflow["url"] == "https://argo/wf"


def test_a_workflow_of_the_same_name_that_somebody_else_made_is_not_ours():
    other = workflow(node("a", "Failed", "Error (exit code 1)", 1), phase="Failed")
    other.object["metadata"]["uid"] = "u-2"
    assert told(["a"], Submitted(REF), other) == ["status Pending"]


def test_the_local_engine_has_no_pods():
    steps = ["a", "b", "c", "d"]
    a, b = node("a", "Succeeded", code=0), node("b", "Failed", "main: Error (exit code 3)", 3)
    seen = [
        Submitted(REF),
        workflow(node("a", "Pending")),
        workflow(node("a")),
        LogLines("a", ("hello",), {"n": 1}, time=T.format(4)),
        workflow(a),
        LogEnd("a"),
        workflow(a, node("b")),
        workflow(a, b, node("c", "Omitted", type="Skipped"), phase="Failed"),
        LogEnd("b"),
    ]
    assert told(steps, *seen) == [
        "status Pending",
        "status Running",
        "a Running",
        "log a 1",
        "a Succeeded 0",
        "b Running",
        "b Failed 3 StepFailed",
        "c Skipped",
        "d Skipped",
        "status Failed StepFailed",
    ]
    body = last(steps, *seen)
    assert body["message"] == "step b: the process ended with exit code 3"
    assert outcomes(run(steps, seen)[1][-1]) == [
        "a Succeeded 0",
        "b Failed 3 StepFailed",
        "c Skipped",
        "d Skipped",
    ]


def test_the_local_engines_pod_layout():
    parts = [
        node("a", "Failed", "a: Error (exit code 2): ", type="Container"),
        node(
            "b",
            "Error",
            'b: Error (exit code 64): dependency "a" exited with non-zero code: 2',
            type="Container",
        ),
    ]
    running = [node("a", type="Container"), node("b", type="Container")]
    seen = [workflow(*running), workflow(*parts, phase="Failed"), LogEnd("a")]
    assert told(["a", "b"], *seen) == [
        "status Running",
        "a Running",
        "a Failed 2 StepFailed",
        "b Skipped",
        "status Failed StepFailed",
    ]


def test_lines_prove_that_a_step_runs_whatever_else_is_late():
    assert told(["a"], LogLines("a", ("x",), {"n": 1})) == ["status Running", "a Running", "log a 1"]


def test_lines_come_once_and_carry_their_own_time():
    line = LogLines("a", ("x",), {"n": 1}, time=T.format(5))
    state, events = run(["a"], [line, line, LogLines("a", ("y", "z"), {"n": 3})])
    logs = [event for event in events if event.kind == "log"]
    assert [(event.time, event.body) for event in logs] == [
        (T.format(5), {"step": "a", "lines": ["x"]}),
        (NOW, {"step": "a", "lines": ["y", "z"]}),
    ]
    assert state.cursors == {"a": {"n": 3}}


def test_a_gap_says_how_many_lines_where_that_is_known():
    gaps = [LogGap("a", "the log was rotated", 7, {"n": 1}), LogGap("a", "the pod is gone", None, {"n": 2})]
    _, events = run(["a"], [gap for one in gaps for gap in (one, one)])
    assert [event.body for event in events if event.kind == "gap"] == [
        {"step": "a", "why": "the log was rotated", "missing": 7},
        {"step": "a", "why": "the pod is gone"},
    ]


def test_a_gap_lies_where_its_cursor_is_and_moves_it_not():
    lines, rotated = LogLines("a", ("x",), {"n": 1}), LogGap("a", "rotated", None, {"n": 1})
    deleted = LogGap("a", "deleted", None, {"n": 1})
    more = LogLines("a", ("y",), {"n": 2})
    _, events = run(["a"], [lines, rotated, rotated, lines, deleted, deleted, more, more])
    bodies = [event.body for event in events if event.kind in ("log", "gap")]
    logged = [body.get("why") or body["lines"] for body in bodies]
    assert logged == [["x"], "rotated", "deleted", ["y"]]


def test_a_gap_is_told_again_where_more_is_missing_after_more_lines():
    seen = []
    for n in range(3):
        cursor = {"n": n}
        seen += [LogLines("a", (str(n),), cursor), LogGap("a", "rotated", None, cursor)]
    _, events = run(["a"], seen)
    assert [event.kind for event in events if event.kind in ("log", "gap")] == ["log", "gap"] * 3


def test_a_gap_of_a_log_that_nobody_saw_begin_says_not_that_it_ran():
    state, events = run(["a"], [LogGap("a", "unseen", None, {})])
    assert [event.kind for event in events][-1] == "gap"
    assert not state.steps[0].ran


def test_a_cursor_without_lines_is_kept_and_not_told():
    state, events = run(["a"], [LogLines("a", (), {"n": 1})])
    assert state.cursors == {"a": {"n": 1}}
    assert not [event for event in events if event.kind == "log"]


def test_of_a_step_that_the_task_does_not_have_nothing_is_told():
    seen = [LogLines("x", ("y",), {"n": 1}), LogEnd("x"), pod("x", running=RUNNING), workflow(node("x"))]
    state, events = run(["a"], seen)
    assert [brief(event) for event in events] == ["status Pending", "status Pending"]
    assert state.cursors == {}


def test_the_final_status_waits_for_the_log_of_every_step_that_started():
    done = workflow(node("a", "Succeeded", code=0), node("b", "Succeeded", code=0), phase="Succeeded")
    assert told(["a", "b"], done, LogEnd("b"))[-1] == "b Succeeded 0"
    assert told(["a", "b"], done, LogEnd("b"), LogLines("a", ("late",), {"n": 1}), LogEnd("a"))[-2:] == [
        "log a 1",
        "status Succeeded",
    ]


def test_the_final_status_waits_for_a_pod_that_is_behind_its_workflow():
    stopped = node("a", "Failed", "workflow shutdown with strategy:  Terminate")
    seen = [pod("a", "Pending"), workflow(stopped, phase="Failed", shutdown="Terminate")]
    assert told(["a"], *seen)[-1] == "status Pending"
    after = [*seen, pod("a", "Failed", terminated=ended(143)), LogLines("a", ("x",), {"n": 1}), LogEnd("a")]
    assert told(["a"], *after)[-4:] == [
        "status Running",
        "a Failed 143 Terminated",
        "log a 1",
        "status Cancelled Terminated",
    ]
    assert told(["a"], *seen, gone("a", "Pending"))[-2:] == ["a Skipped", "status Cancelled Terminated"]


def test_what_keeps_a_step_from_starting_is_told_at_once_and_again_when_it_changes():
    scheduling = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    ]
    pull = {"reason": "ErrImagePull", "message": DENIED}
    back_off = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "r/x"'}
    seen = [
        pod("a", "Pending", conditions=scheduling),
        pod("a", "Pending", conditions=scheduling),
        pod("a", "Pending", waiting={"reason": "ContainerCreating"}),
        pod("a", "Pending", waiting=pull),
        pod("a", "Pending", waiting=back_off),
        pod("a", "Pending", waiting=pull),
        pod("a", running=RUNNING),
    ]
    _, events = run(["a"], seen)
    assert [brief(event) for event in events[1:]] == [
        "a Pending Unschedulable",
        "a Pending",
        "a Pending ImagePullDenied",
        "status Running",
        "a Running",
    ]
    assert events[3].body["message"] == DENIED
    assert "imagePullSecrets" in events[3].body["remedy"]


def test_a_problem_that_only_the_workflow_tells():
    quota = 'pods "wf-a" is forbidden: exceeded quota: compute, requested: cpu=4'
    assert told(["a"], workflow(node("a", "Pending", quota)))[-1] == "a Pending QuotaExceeded"


@pytest.mark.parametrize(
    ("seen", "want"),
    [
        ([pod("a", "Failed", terminated=ended(3, "Error"))], "a Failed 3 StepFailed"),
        ([pod("a", "Failed", terminated=ended(137, "OOMKilled"))], "a Failed 137 OOMKilled"),
        (
            [workflow(node("a", "Failed", "OOMKilled (exit code 137)", 137))],
            "a Failed 137 OOMKilled",
        ),
        (
            [workflow(node("a", "Failed", "main: Error (exit code 64): failed to find name in PATH: x", 64))],
            "a Failed 64 InterpreterMissing",
        ),
        ([workflow(node("a", "Failed", "main: Error (exit code 64)", 64))], "a Failed 64 StepFailed"),
        (
            [
                pod("a", running=RUNNING),
                pod("a", "Failed", reason="Evicted", message="low on memory", terminated=ended(137)),
                workflow(node("a", "Failed", "low on memory")),
            ],
            "a Failed 137 Evicted",
        ),
        (
            [
                pod("a", running=RUNNING),
                pod(
                    "a",
                    "Failed",
                    terminated=ended(143),
                    conditions=[
                        {
                            "type": "DisruptionTarget",
                            "status": "True",
                            "reason": "Preempted",
                            "message": "by b",
                        }
                    ],
                ),
                workflow(node("a", "Error", "pod deleted", 143)),
            ],
            "a Failed 143 Evicted",
        ),
        (
            [
                pod("a", running=RUNNING),
                pod("a", running=RUNNING, deleting=True),
                pod("a", "Failed", deleting=True, terminated=ended(143)),
                workflow(node("a", "Error", "pod deleted", 143)),
            ],
            "a Failed PodDeleted",
        ),
        (
            [gone("a", running=RUNNING), workflow(node("a", "Error", "pod deleted"))],
            "a Failed PodDeleted",
        ),
        ([gone("a", "Pending"), workflow(node("a", "Error", "pod deleted"))], "a Failed PodDeleted"),
        (
            [
                pod("a", "Failed", reason="Evicted", message="disk pressure"),
                workflow(node("a", "Failed", "disk pressure")),
            ],
            "a Failed Evicted",
        ),
        # Argo says so of a pod, too, that had ended by itself
        (
            [pod("a", "Failed", terminated=ended(137)), workflow(node("a", "Error", "pod deleted", 137))],
            "a Failed 137 StepFailed",
        ),
        ([workflow(node("a"), node("a", "Error", "vanished"))], "a Failed EngineError"),
        (
            [workflow(node("a", "Failed", "main: StartError (exit code 128): no working directory /x", 128))],
            "a Failed ContainerStartFailed",
        ),
        (
            [
                pod(
                    "a",
                    "Failed",
                    terminated={
                        "exitCode": 128,
                        "reason": "StartError",
                        "message": "no such directory",
                        "startedAt": "1970-01-01T00:00:00Z",
                    },
                ),
                workflow(node("a", "Failed", "StartError (exit code 128)", 128)),
            ],
            "a Failed ContainerStartFailed",
        ),
        (
            [workflow(node("a", "Error", 'admission webhook "p" denied the request: no'))],
            "a Failed AdmissionDenied",
        ),
        (
            [pod("a", "Pending"), workflow(node("a", "Failed", "timeout"))],
            "a Failed StartTimeout",
        ),
    ],
)
def test_why_a_step_failed(seen, want):
    assert told(["a"], *seen)[-1] == want


def test_a_killed_process_waits_for_argo_to_say_why():
    killed = pod("a", "Failed", terminated=ended(143))
    assert told(["a"], pod("a", running=RUNNING), killed)[-1] == "a Running"
    deadline = node("a", "Failed", "Pod was active on the node longer than the specified deadline")
    assert (
        told(["a"], pod("a", running=RUNNING), killed, workflow(deadline))[-1]
        == "a Failed 143 DeadlineExceeded"
    )


def test_the_steps_own_timeout_is_named():
    template = {"name": "a", "metadata": {"annotations": {"codo.dev/step-timeout": "1m30s"}}}
    late = node("a", "Failed", "Pod was active on the node longer than the specified deadline", 143)
    body = last(["a"], workflow(late, phase="Failed", templates=[template]), LogEnd("a"))
    assert body["steps"][0]["message"] == "the step ran longer than its timeout of 1m30s"
    assert body["message"] == "step a: the step ran longer than its timeout of 1m30s"


LATE = Verdict("TimedOut", "TaskDeadlineExceeded", "the task ran longer than its timeout")
NO_NODE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available",
}


@pytest.mark.parametrize(
    ("seen", "where"),
    [
        ([pod("a", running=RUNNING)], "; step a was running"),
        ([pod("a", "Pending", conditions=[NO_NODE])], "; step a was waiting: 0/1 nodes are available"),
        ([workflow(node("a", "Pending"))], "; step a had not started"),
        ([workflow(node("a", "Succeeded", code=0))], "; step b had not started"),
    ],
)
def test_a_task_that_is_out_of_time_says_how_much_it_had_and_where_it_stood(seen, where):
    ended_by_us = workflow(phase="Failed", shutdown="Terminate")
    logs = [LogEnd("a"), LogEnd("b")]
    body = last(["a", "b"], Submitted(REF, timeout="10m0s"), *seen, LATE, ended_by_us, *logs)
    assert body["message"] == f"the task ran longer than its timeout of 10m0s{where}"


def test_where_it_stood_agrees_with_the_steps():
    """What was known when the time was up may be out of date: `a` was running then, and succeeded."""
    ended_by_us = workflow(node("a", "Succeeded", code=0), phase="Failed", shutdown="Terminate")
    body = last(["a", "b"], pod("a", running=RUNNING), LATE, LATE, ended_by_us, LogEnd("a"))
    assert [step["phase"] for step in body["steps"]] == ["Succeeded", "Skipped"]
    assert body["message"] == "the task ran longer than its timeout; step b had not started"


OVERDUE = "the step's process did not start in time"


@pytest.mark.parametrize(
    "seen",
    [
        [pod("a", "Pending", conditions=[NO_NODE])],
        [pod("a", "Failed", reason="StartTimeout", message="Unschedulable: x", conditions=[NO_NODE])],
        [workflow(node("a", "Pending", "Unschedulable: 0/1 nodes are available"))],
        [],
    ],
)
@pytest.mark.parametrize("deleted", [True, False])
def test_a_step_that_was_ended_since_it_did_not_start_tells_why_it_did_not(seen, deleted):
    """Whatever was seen, and in whichever order, before the Workflow tells that the step failed."""
    failed = workflow(node("a", "Failed", "Unschedulable: 0/1 nodes are available"), phase="Failed")
    leaving = [gone("a", "Failed", reason="StartTimeout", conditions=[NO_NODE])] if deleted else []
    for steps in ([*seen, *leaving, failed], [*leaving, *seen, failed], [*seen, failed, *leaving]):
        body = last(["a"], *steps)
        assert (body["phase"], body["reason"]) == ("Failed", "Unschedulable")
        assert body["steps"][0]["message"] == "could not start: 0/1 nodes are available"


@pytest.mark.parametrize(
    "seen",
    [
        [workflow(node("a", "Failed", OVERDUE), phase="Failed")],
        [pod("a", "Failed", reason="StartTimeout"), workflow(node("a", "Failed", "x"), phase="Failed")],
    ],
)
def test_a_step_of_which_nothing_was_heard_did_not_start_in_time(seen):
    body = last(["a"], *seen)
    assert (body["reason"], body["steps"][0]["message"]) == ("StartTimeout", OVERDUE)


def test_argos_own_deadline_is_the_tasks():
    late = node("a", "Failed", "Pod was active on the node longer than the specified deadline", 143)
    body = last(["a"], workflow(late, phase="Failed", activeDeadlineSeconds=8), LogEnd("a"))
    assert (body["phase"], body["reason"]) == ("TimedOut", "TaskDeadlineExceeded")
    assert body["steps"][0]["reason"] == "TaskDeadlineExceeded"


def test_a_verdict_is_not_told_before_the_workflow_has_ended():
    stopped = node("a", "Failed", "workflow shutdown with strategy:  Terminate")
    verdict = Verdict("TimedOut", "TaskDeadlineExceeded", "the deadline of 5s passed")
    seen = [workflow(node("a")), verdict, verdict]
    assert told(["a", "b"], *seen)[-1] == "a Running"
    end = workflow(stopped, phase="Succeeded", shutdown="Terminate")
    body = last(["a", "b"], *seen, end, LogEnd("a"))
    assert body["phase"] == "TimedOut"
    assert body["message"] == "the deadline of 5s passed; step a was running"
    assert body["steps"][0]["reason"] == "TaskDeadlineExceeded"
    assert body["steps"][1] == {"name": "b", "phase": "Skipped"}


def test_what_a_step_did_by_itself_before_the_verdict_stays():
    seen = [
        workflow(node("a", "Failed", "Error (exit code 3)", 3), node("b")),
        Verdict("Cancelled", "Revoked", "revoked"),
        workflow(
            node("a", "Failed", "Error (exit code 3)", 3),
            node("b", "Failed", "workflow shutdown with strategy:  Terminate"),
            phase="Failed",
            shutdown="Terminate",
        ),
        LogEnd("a"),
        LogEnd("b"),
    ]
    _, events = run(["a", "b"], seen)
    assert outcomes(events[-1]) == ["a Failed 3 StepFailed", "b Failed Revoked"]
    assert brief(events[-1]) == "status Cancelled Revoked"


def test_the_first_verdict_stands():
    seen = [
        Verdict("Cancelled", "Revoked", "revoked"),
        Verdict("TimedOut", "TaskDeadlineExceeded", "too late"),
        Verdict("Error", "EngineError", "given up", ended=True),
    ]
    assert last(["a"], *seen)["reason"] == "Revoked"


REVOKED = Verdict("Cancelled", "Revoked", "revoked")


def rules(*names, going_on=""):
    """A spec that says which steps may fail."""
    may = {"continueOn": {"failed": True, "error": True}}
    tasks = [{"name": name, **(may if name in going_on else {})} for name in names]
    return {"entrypoint": "task", "templates": [{"name": "task", "dag": {"tasks": tasks}}]}


@pytest.mark.parametrize(
    ("b", "code", "ended_as"),
    [("Succeeded", 0, "status Succeeded"), ("Failed", 3, "status Failed StepFailed")],
)
def test_an_order_that_comes_when_all_has_ended_overrules_nothing(b, code, ended_as):
    """Argo calls every Workflow Failed that is stopped before it was called ended (assessDAGPhase)."""
    nodes = [node("a", "Succeeded", code=0), node("b", b, f"Error (exit code {code})", code)]
    stopped = workflow(
        *nodes, phase="Failed", message="Stopped with strategy 'Terminate'", shutdown="Terminate",
        **rules("a", "b"),
    )  # fmt: skip
    for order in ([REVOKED], []):
        state, events = run(["a", "b"], [workflow(node("a")), *order, stopped, LogEnd("a"), LogEnd("b")])
        assert brief(events[-1]) == ended_as
        assert state.overruled_phase == ("Failed" if code == 0 else "")


@pytest.mark.parametrize("code", [0, 3])
def test_where_nodes_cannot_be_read_an_order_counts_for_what_had_not_ended_before_it(code):
    """A process may end with any code on SIGTERM: only what was known before the order is sure."""
    alone = pod("a", "Failed" if code else "Succeeded", terminated=ended(code))
    stopped = workflow(phase="Failed", shutdown="Terminate", **rules("a"))
    del stopped.object["status"]["nodes"]
    stopped.object["status"]["offloadNodeStatusVersion"] = "fnv:1"
    _, events = run(["a"], [pod("a", running=RUNNING), REVOKED, alone, stopped, LogEnd("a")])
    assert brief(events[-1]) == "status Cancelled Revoked"
    _, events = run(["a"], [pod("a", running=RUNNING), alone, REVOKED, stopped, LogEnd("a")])
    assert brief(events[-1]) == ("status Failed StepFailed" if code else "status Succeeded")


def test_a_workflow_that_vanishes_after_the_order_was_ended_by_it():
    running = workflow(node("a", "Failed", "Error (exit code 3)", 3), **rules("a", "b"))
    gone_after = [LogEnd("a"), REVOKED, WorkflowGone()]
    assert last(["a", "b"], workflow(node("a"), **rules("a", "b")), *gone_after)["reason"] == "Revoked"
    assert last(["a", "b"], running, *gone_after)["reason"] == "StepFailed"


def test_an_order_after_the_workflow_has_ended_is_none():
    failed = workflow(phase="Failed", **rules("a"))
    del failed.object["status"]["nodes"]
    failed.object["status"]["offloadNodeStatusVersion"] = "fnv:1"
    seen = [pod("a", running=RUNNING), failed, REVOKED, pod("a", "Failed", terminated=ended(3)), LogEnd("a")]
    assert last(["a"], *seen)["reason"] == "StepFailed"


def test_a_workflow_ends_when_its_exit_handler_has_ended():
    done = node("a", "Succeeded", code=0)
    handler = {**node("x"), "name": "wf.onExit", "displayName": "wf.onExit", "boundaryID": ""}
    leaving = workflow(done, handler, onExit="leave", **rules("a"))
    leaving.object["status"]["nodes"]["wf"]["phase"] = "Succeeded"
    assert not run(["a"], [leaving, LogEnd("a")])[0].final
    words = "main: Error (exit code 9)"
    failed = workflow(done, {**handler, "phase": "Failed"}, phase="Failed", message=words, **rules("a"))
    failed.object["status"]["nodes"]["wf"]["phase"] = "Succeeded"
    body = last(["a"], leaving, failed, LogEnd("a"))
    assert (body["phase"], body["reason"]) == ("Error", "EngineError")
    assert body["message"] == f"no step failed the task, but Argo ended the Workflow as Failed: {words}"


def test_what_an_earlier_version_stored_is_judged_by_the_steps_too():
    """0.1.0 took Argo's phase for the verdict, and did not store which steps may fail."""
    old = TaskState.from_json(
        {
            "task_id": "t",
            "agent_id": "a",
            "attempt": 1,
            "seq": 5,
            "phase": "Running",
            "steps": [
                {"name": "build", "phase": "Failed", "reason": "StepFailed", "message": "x", "ran": True},
                {"name": "notify", "phase": "Skipped"},
            ],
            "ending": {"phase": "Succeeded"},
        }
    )
    again = workflow(phase="Succeeded", **rules("build", "notify", going_on="notify"))
    state, _ = observe(old, again, NOW)
    _, events = observe(state, LogEnd("build"), NOW)
    assert brief(events[-1]) == "status Failed StepFailed"


@pytest.mark.parametrize(
    "end",
    [
        [REVOKED, workflow(phase="Failed", shutdown="Terminate")],
        [LATE, workflow(phase="Failed", shutdown="Terminate")],
        [workflow(node("a", "Failed", "workflow shutdown with strategy:  Terminate"), phase="Failed",
                  shutdown="Terminate")],
        [workflow(node("a", "Failed", "Step exceeded its deadline"), phase="Failed",
                  activeDeadlineSeconds=8)],
        [REVOKED, gone("a", "Pending"), workflow(node("a", "Error", "pod deleted"), phase="Failed",
                                                 shutdown="Terminate")],
        [WorkflowGone()],
        [Verdict("Error", "EngineError", "lost", ended=True)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("stuck", [True, False])
def test_a_step_that_had_not_started_when_something_else_ended_the_task_is_skipped(end, stuck):
    pull = {"reason": "ErrImagePull", "message": DENIED}
    waiting = pod("a", "Pending", waiting=pull if stuck else {"reason": "PodInitializing"})
    body = last(["a", "b"], workflow(node("a", "Pending")), waiting, *end, LogEnd("a"))
    assert [step["phase"] for step in body["steps"]] == ["Skipped", "Skipped"]
    assert body["phase"] in ("Cancelled", "TimedOut", "Error")
    if stuck:
        assert (body["steps"][0]["reason"], body["steps"][0]["message"]) == ("ImagePullDenied", DENIED)
    else:
        assert body["steps"][0] == {"name": "a", "phase": "Skipped"}


def test_a_step_that_could_not_start_in_its_time_failed_though_an_order_follows():
    seen = [
        pod("a", "Failed", reason="StartTimeout", conditions=[NO_NODE]),
        REVOKED,
        workflow(node("a", "Failed", "Unschedulable: x"), phase="Failed", shutdown="Terminate", **rules("a")),
    ]
    body = last(["a"], *seen)
    assert (body["phase"], body["reason"]) == ("Failed", "Unschedulable")
    assert body["steps"][0]["phase"] == "Failed"


def test_a_verdict_after_the_end_only_ends_the_waiting():
    done = workflow(node("a", "Succeeded", code=0), phase="Succeeded")
    assert not run(["a"], [done, Verdict("TimedOut", "TaskDeadlineExceeded", "late")])[0].final
    body = last(["a"], done, Verdict("Error", "EngineError", "its log never ends", ended=True))
    assert body["phase"] == "Succeeded"


def test_a_task_that_was_never_submitted_ends_at_once():
    body = last(["a", "b"], Verdict("Error", "QuotaExceeded", "exceeded quota", ended=True))
    assert body["phase"] == "Error"
    assert "ResourceQuota" in body["remedy"]
    assert [step["phase"] for step in body["steps"]] == ["Skipped", "Skipped"]


def test_a_verdict_that_ends_all_does_not_wait_for_a_running_step():
    body = last(["a"], pod("a", running=RUNNING), Verdict("Error", "EngineError", "lost", ended=True))
    assert body["steps"][0]["reason"] == "EngineError"


def test_a_deleted_workflow_waits_for_the_logs_that_are_left():
    seen = [workflow(node("a")), WorkflowGone()]
    assert told(["a", "b"], *seen)[-1] == "b Skipped"
    body = last(["a", "b"], *seen, LogEnd("a"))
    assert (body["phase"], body["reason"]) == ("Error", "WorkflowDeleted")
    assert [step["reason"] for step in body["steps"] if "reason" in step] == ["WorkflowDeleted"]


def test_a_step_that_ended_before_its_workflow_was_deleted_ended_as_it_did():
    seen = [
        pod("a", terminated=ended(0)),
        WorkflowGone(),
        pod("a", "Failed", terminated=ended(0)),
        LogEnd("a"),
    ]
    assert outcomes(run(["a"], seen)[1][-1]) == ["a Succeeded 0"]
    seen = [pod("a", running=RUNNING), WorkflowGone(), pod("a", "Failed", terminated=ended(9)), LogEnd("a")]
    assert outcomes(run(["a"], seen)[1][-1]) == ["a Failed 9 StepFailed"]


def test_a_workflow_that_is_deleted_after_its_end_has_ended():
    done = workflow(node("a", "Succeeded", code=0), phase="Succeeded")
    assert last(["a"], done, WorkflowGone(), LogEnd("a"))["phase"] == "Succeeded"


def test_nothing_goes_backwards():
    state, _ = run(["a", "b"], [workflow(node("a"), node("b")), pod("a", running=RUNNING)])
    for old in (workflow(), workflow(node("a", "Pending")), pod("a", "Pending", waiting={"reason": "x"})):
        after, events = observe(state, old, NOW)
        assert events == []
        assert [step.phase for step in after.steps] == ["Running", "Running"]


def test_a_retry_in_argo_is_no_part_of_an_attempt_that_has_ended():
    failed = workflow(node("a", "Failed", "Error (exit code 1)", 1), phase="Failed")
    seen = [
        failed,
        workflow(node("a")),
        workflow(node("a", "Succeeded", code=0), phase="Succeeded"),
        LogEnd("a"),
    ]
    assert told(["a"], *seen)[-1] == "status Failed StepFailed"


def test_a_workflow_too_big_for_etcd():
    message = "workflow is longer than maximum allowed size for sqldb. size 2000000 > 1000000"
    body = last(["a"], workflow(phase="Error", message=message))
    assert (body["phase"], body["reason"], body["message"]) == ("Error", "WorkflowTooLarge", message)


def test_a_workflow_that_failed_and_says_nothing():
    body = last(["a"], workflow(phase="Failed"))
    assert (body["phase"], body["reason"]) == ("Error", "EngineError")
    assert body["message"]


def test_nodes_that_cannot_be_read_are_left_to_the_pods():
    broken = workflow(phase="Failed")
    del broken.object["status"]["nodes"]
    broken.object["status"]["compressedNodes"] = "bm9uc2Vuc2U="
    seen = [pod("a", running=RUNNING), broken, pod("a", "Failed", terminated=ended(5)), LogEnd("a")]
    assert last(["a"], *seen)["steps"][0]["exitCode"] == 5


def test_a_workflow_without_status():
    bare = {"metadata": {"name": "wf", "namespace": "jobs", "uid": "u-1"}}
    assert told(["a"], WorkflowSeen(bare)) == ["status Pending"]


def test_a_state_of_a_hundred_steps_stays_small():
    steps = [f"step-{n}" for n in range(100)]
    done = [node(step, "Succeeded", code=0) for step in steps]
    state, _ = run(steps, [workflow(*done), *(LogLines(step, ("x",), {"n": 1}) for step in steps)])
    assert len(str(state.as_json())) < 25_000
    assert stored(state) == state


def suspended(value):
    seen = workflow(node("a"))
    return WorkflowSeen({**seen.object, "spec": {**seen.object.get("spec", {}), "suspend": value}})


def test_a_suspended_workflow_says_so_until_it_is_resumed():
    _, events = run(["a"], [suspended(True), suspended(True), suspended(False)])
    reasons_told = [event.body.get("reason", "") for event in events if event.kind == "status"]
    assert reasons_told == ["", "Suspended", ""]
    assert "argo resume" in events[1].body["remedy"]


def test_what_keeps_a_task_from_its_workflow_is_told_once_and_forgotten_when_it_has_one():
    waits = Waiting("ExecutorTokenMissing", "no Secret")
    _, events = run(["a"], [waits, waits, Submitted(REF), waits])
    first, second, third = [event.body for event in events]
    assert first == {"phase": "Pending"}
    assert (second["phase"], second["reason"], second["message"]) == (
        "Pending", "ExecutorTokenMissing", "no Secret",
    )  # fmt: skip
    assert "translator rbac" in second["remedy"]
    assert third == {"phase": "Pending", "workflow": REF.as_json()}


def test_what_cannot_be_seen_says_so_until_it_is_seen_again():
    seen = [workflow(node("a")), Visibility("refused"), Visibility("refused again"), workflow(node("a"))]
    state, events = run(["a"], seen)
    told_ = [event.body.get("reason", "") for event in events if event.kind == "status"]
    assert told_ == ["", "", "ClusterUnreachable", ""]
    assert not state.final


def test_that_nobody_knows_how_it_ended_stands_over_what_was_ordered():
    ordered = Verdict("TimedOut", "TaskDeadlineExceeded", "too long")
    unknown = Verdict("Error", "Unobserved", "outcome unknown", ended=True)
    state, _ = run(["a"], [workflow(node("a")), Visibility("refused"), ordered, unknown])
    assert (state.phase, state.ending.reason) == ("Error", "Unobserved")


def test_a_lost_task_says_where_lines_may_be_missing():
    lost = Verdict("Error", "RunnerLost", "the process that ran it is gone", ended=True)
    seen = [
        Submitted(REF),
        LogLines("a", ("x",), {"n": 1}),
        LogEnd("a"),
        LogLines("b", ("y",), {"n": 1}),
        lost,
    ]
    state, events = run(["a", "b", "c"], seen)
    assert state.final
    gaps = [event.body for event in events if event.kind == "gap"]
    assert gaps == [{"step": name, "why": UNREAD} for name in ("b", "c")]
    assert (events[-1].kind, events[-1].body["reason"]) == ("status", "RunnerLost")


def test_a_task_that_was_never_submitted_lacks_no_lines():
    _, events = run(["a"], [Verdict("Cancelled", "Revoked", "the task was revoked", ended=True)])
    assert [event.kind for event in events] == ["status", "step", "status"]
