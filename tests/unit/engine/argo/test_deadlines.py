from __future__ import annotations

from typing import Any

import pytest

from translator.engine.argo.deadlines import lowered_deadline


def pod(
    *, timeout: str | None = "90s", deadline: int | None = 400, state: dict[str, Any] | None = None
) -> dict[str, Any]:
    running = {"running": {"startedAt": "2026-01-01T00:00:12Z"}}
    return {
        "metadata": {"annotations": {} if timeout is None else {"codo.dev/step-timeout": timeout}},
        "spec": {} if deadline is None else {"activeDeadlineSeconds": deadline},
        "status": {
            "startTime": "2026-01-01T00:00:05Z",
            "containerStatuses": [
                {"name": "wait", "state": {"running": {"startedAt": "2026-01-01T00:00:08Z"}}},
                {"name": "main", "state": running if state is None else state},
            ],
        },
    }


def test_what_the_start_took_is_added_to_the_timeout() -> None:
    # 7 s from the pod's start to the process's, and one for both being told in whole seconds
    assert lowered_deadline(pod()) == 7 + 90 + 1


@pytest.mark.parametrize(("timeout", "expected"), [("300ms", 9), ("1.5s", 10), ("2h45m", 9908)])
def test_a_timeout_is_rounded_up_to_seconds(timeout: str, expected: int) -> None:
    assert lowered_deadline(pod(timeout=timeout, deadline=20_000)) == expected


@pytest.mark.parametrize(("deadline", "expected"), [(99, 98), (98, None), (97, None), (1, None), (None, 98)])
def test_a_deadline_is_only_ever_lowered(deadline: int | None, expected: int | None) -> None:
    assert lowered_deadline(pod(deadline=deadline)) == expected


@pytest.mark.parametrize(
    "state",
    [
        {"waiting": {"reason": "PodInitializing"}},
        {"terminated": {"startedAt": "2026-01-01T00:00:12Z", "exitCode": 0}},
        {},
    ],
)
def test_only_a_running_process_has_a_deadline(state: dict[str, Any]) -> None:
    assert lowered_deadline(pod(state=state)) is None


@pytest.mark.parametrize("timeout", [None, "", "soon"])
def test_a_pod_without_a_timeout_of_ours_is_left_alone(timeout: str | None) -> None:
    assert lowered_deadline(pod(timeout=timeout)) is None


def test_a_pod_that_no_kubelet_has_seen_is_left_alone() -> None:
    assert lowered_deadline({**pod(), "status": {}}) is None
