import pytest

from translator.workflow.deadlines import start_grace, step_seconds, workflow_seconds


@pytest.mark.parametrize(
    ("timeout_ns", "grace", "seconds"),
    [(1, 0, 1), (10**9, 0, 1), (10**9 + 1, 300, 302), (1_500_000_000, 5, 7), (2**63 - 1, 300, 2**31 - 1)],
)
def test_a_steps_timeout_is_rounded_up_and_the_grace_added(timeout_ns, grace, seconds):
    assert step_seconds(timeout_ns, grace) == seconds


@pytest.mark.parametrize(("deadline_ns", "seconds"), [(1, 61), (600 * 10**9, 660), (2**63 - 1, 2**31 - 1)])
def test_argo_waits_a_minute_longer_than_the_service(deadline_ns, seconds):
    assert workflow_seconds(deadline_ns) == seconds


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (20, "20s"), (300, "5m0s")])
def test_the_grace_is_a_go_duration(seconds, text):
    assert start_grace(seconds) == text
