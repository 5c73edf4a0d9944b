from __future__ import annotations

from translator.observe import reasons
from translator.observe.sight import NodeSight, PodSight

PENDING, RUNNING = NodeSight(phase="Pending"), NodeSight(phase="Running", ran=True)
FAILED = NodeSight(phase="Failed", message="Error (exit code 137)", exit_code=137)


def test_a_node_never_goes_back():
    assert PENDING.after(RUNNING) == RUNNING
    assert RUNNING.after(PENDING) == RUNNING
    assert RUNNING.after(FAILED) == FAILED
    assert NodeSight(phase="Error", message="pod deleted").after(FAILED) == FAILED
    assert FAILED.after(RUNNING).ran


def test_a_pod_never_goes_back():
    ended = PodSight("p", "Running", container="terminated", exit_code=0, started_at="x")
    running = PodSight("p", "Running", container="running", started_at="x")
    assert running.after(ended) == ended
    assert ended.after(running) == ended


def test_a_deletion_that_was_seen_stays_seen():
    leaving = PodSight("p", container="running", deleted=True)
    ended = PodSight("p", "Failed", container="terminated", exit_code=143)
    assert ended.after(leaving).deleted
    assert leaving.after(ended).deleted


def test_why_a_step_cannot_start_outlives_its_pod():
    waiting = PodSight(
        "p", "Pending", container="waiting", problem=reasons.IMAGE_NOT_FOUND, problem_message="404"
    )
    ended = PodSight("p", "Failed", container="terminated")
    assert ended.after(waiting).problem == reasons.IMAGE_NOT_FOUND
    assert PodSight("p", "Pending", container="waiting").after(waiting).problem == ""


def test_a_back_off_does_not_hide_why_the_pull_failed():
    denied = PodSight(problem=reasons.IMAGE_PULL_DENIED, problem_message="401")
    vague = PodSight(problem=reasons.IMAGE_PULL_FAILED, problem_message="Back-off")
    assert vague.after(denied) == denied
    assert denied.after(vague) == denied
