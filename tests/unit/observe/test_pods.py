from __future__ import annotations

import pytest

from tests.unit.observe.replay import CUT, recordings
from tests.unit.observe.shapes import RUNNING, ended, pod_object
from translator.observe import reasons
from translator.observe.observation import PodSeen
from translator.observe.pods import read, step_of


def one(step="a", phase="Running", **more):
    return read(pod_object(step, phase, **more))["a"]


def test_a_step_is_known_by_our_label_or_else_by_argos_node_name():
    found = pod_object("a")
    assert step_of(found) == "a"
    del found["metadata"]["labels"]["codo.dev/step"]
    found["metadata"]["annotations"]["workflows.argoproj.io/node-name"] = "wf.b.c"
    assert step_of(found) == "b.c"
    assert step_of({}) == ""


def test_a_shared_pod_has_every_container_but_argos():
    recording = next(one for one in recordings(CUT) if one.scenario == "pod-layout-fails")
    last = [seen for seen in recording.watched() if isinstance(seen, PodSeen)][-1]
    found = read(last.object)
    assert list(found) == ["s1", "s2", "s3"]
    assert [sight.exit_code for sight in found.values()] == [0, 3, 64]
    assert all(sight.shared and sight.final and sight.name == "pod-layout-fails" for sight in found.values())


def test_a_container_that_runs():
    sight = one(running=RUNNING)
    assert (sight.container, sight.started_at, sight.ran, sight.final) == (
        "running",
        RUNNING["startedAt"],
        True,
        False,
    )
    assert sight.timeout == "90s"


def test_a_container_that_ended():
    sight = one(phase="Failed", terminated=ended(3, "Error", message="said so"))
    assert (sight.exit_code, sight.why, sight.told, sight.final) == (3, "Error", "said so", True)


def test_a_made_up_exit_code_is_none():
    assert one(terminated=ended(137, "ContainerStatusUnknown")).exit_code is None
    never = one(terminated={"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None})
    assert (never.exit_code, never.ran) == (None, False)


@pytest.mark.parametrize("name", ["init", "wait", "main"])
def test_any_container_that_waits_may_hold_the_step_up(name):
    waits = [
        {"name": name, "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}}}
    ]
    sight = one(phase="Pending", initContainerStatuses=waits)
    assert (sight.problem, sight.problem_message) == (reasons.CREATE_CONTAINER_CONFIG_ERROR, "no secret")


def test_a_pod_without_status():
    found = pod_object("a")
    del found["status"]
    assert read(found)["a"].container == ""


def test_deleted_means_before_the_process_had_ended():
    assert one(running=RUNNING, deleting=True).deleted
    assert not one(terminated=ended(0), deleting=True).deleted
    assert read(pod_object("a", running=RUNNING), gone=True)["a"].deleted


def test_long_words_are_cut():
    words = "x" * 100_000
    sight = one(phase="Failed", message=words, reason="Evicted", terminated=ended(1, message=words))
    assert len(sight.message) == len(sight.told) == 2000
