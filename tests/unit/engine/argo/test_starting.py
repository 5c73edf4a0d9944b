from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from translator.engine.argo.starting import due, failing
from translator.observe import pods

BEGAN = "2026-01-01T00:00:00Z"
DUE = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available",
}
PULLING = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:12Z"}}
ENDED = {"terminated": {"startedAt": "2026-01-01T00:00:12Z", "exitCode": 0}}
FAILED = {"terminated": {"startedAt": "2026-01-01T00:00:12Z", "exitCode": 3}}


def pod(
    *states: dict[str, Any] | None, phase: str = "Pending", node: str = "n", grace: str = "5m0s", **more: Any
) -> dict[str, Any]:
    """A pod with a container for each state: ``main``, or one for each step of the layout pod."""
    names = ["main"] if len(states) <= 1 else [f"s{n}" for n in range(1, len(states) + 1)]
    annotations = {"codo.dev/start-grace": grace} if grace else {}
    statuses = [{"name": n, "state": state} for n, state in zip(names, states, strict=False) if state]
    return {
        "metadata": {
            "name": "w-s1",
            "namespace": "ns",
            "uid": "u",
            "resourceVersion": "7",
            "creationTimestamp": BEGAN,
            "labels": {"codo.dev/step": "s1"} if names == ["main"] else {},
            "annotations": annotations,
            **more,
        },
        "spec": {
            "containers": [{"name": n} for n in ("wait", *names)],
            **({"nodeName": node} if node else {}),
        },
        "status": {"phase": phase, "containerStatuses": statuses},
    }


@pytest.mark.parametrize("state", [None, PULLING, {"waiting": {"reason": "ContainerCreating"}}])
def test_a_step_may_take_its_grace_to_start(state: dict[str, Any] | None) -> None:
    assert due(pod(state)) == DUE


def test_a_pod_that_no_kubelet_has_taken_has_no_more_time() -> None:
    assert due({**pod(node=""), "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}}) == DUE


@pytest.mark.parametrize("state", [RUNNING, ENDED, FAILED])
def test_a_step_that_has_started_is_left_alone(state: dict[str, Any]) -> None:
    assert due(pod(state)) is None


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_is_left_alone(phase: str) -> None:
    assert due(pod(PULLING, phase=phase)) is None


def test_a_pod_that_is_being_deleted_is_left_alone() -> None:
    assert due(pod(PULLING, deletionTimestamp=BEGAN)) is None


@pytest.mark.parametrize("grace", ["", "soon"])
def test_a_pod_without_a_grace_of_ours_is_left_alone(grace: str) -> None:
    assert due(pod(PULLING, grace=grace)) is None


@pytest.mark.parametrize(
    ("states", "waits"),
    [
        ((PULLING, RUNNING), True),
        ((RUNNING, PULLING), False),  # the second is not needed yet
        ((ENDED, PULLING), True),
        ((FAILED, PULLING), False),
        ((ENDED, RUNNING), False),
        ((ENDED, ENDED), False),
    ],
)
def test_in_a_shared_pod_the_step_counts_whose_turn_it_is(states: tuple[Any, ...], waits: bool) -> None:
    assert (due(pod(*states)) == DUE) is waits


def test_the_kubelet_ends_a_pod_that_it_has() -> None:
    how = failing(pod(PULLING))
    assert (how.call.resource, how.path) == ("pods", "/api/v1/namespaces/ns/pods/w-s1")
    assert how.change == {
        "metadata": {"uid": "u", "resourceVersion": "7"},
        "spec": {"activeDeadlineSeconds": 1},
    }


def test_what_the_pod_s_volumes_lack_outlives_what_ends_it() -> None:
    waiting = pod({"waiting": {"reason": "ContainerCreating"}})
    change = failing(waiting, 'configmap "w-files" not found').change
    assert change["metadata"]["resourceVersion"] == "7"
    ended = pod(None, phase="Failed", annotations=change["metadata"]["annotations"])
    sight = pods.read(ended)["s1"]
    assert (sight.problem, sight.problem_message) == ("ObjectMissing", 'configmap "w-files" not found')
    ran = pods.read(pod(FAILED, annotations=change["metadata"]["annotations"]))["s1"]
    assert ran.problem == ""


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ([UNSCHEDULABLE], "Unschedulable: 0/1 nodes are available"),
        ([], "the step's process did not start in time"),
    ],
)
def test_a_pod_that_was_never_scheduled_is_failed_and_says_why(conditions: list[Any], message: str) -> None:
    how = failing({**pod(node=""), "status": {"phase": "Pending", "conditions": conditions}})
    assert (how.call.resource, how.path) == ("pods/status", "/api/v1/namespaces/ns/pods/w-s1/status")
    assert how.change == {
        "metadata": {"uid": "u", "resourceVersion": "7"},
        "status": {"phase": "Failed", "reason": "StartTimeout", "message": message},
    }


def test_why_it_could_not_start_outlives_what_ends_it() -> None:
    waiting = {**pod(node=""), "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}}
    ended = {**waiting, "status": {**waiting["status"], **failing(waiting).change["status"]}}
    sight = pods.read(ended)["s1"]
    assert (sight.phase, sight.reason) == ("Failed", "StartTimeout")
    assert (sight.problem, sight.problem_message) == ("Unschedulable", "0/1 nodes are available")
