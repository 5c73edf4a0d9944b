"""Steps that cannot start are told at once, and ended after the start grace, whatever their timeout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.stage import START_GRACE_S
from tests.e2e.tasks import NOWHERE, task
from tests.e2e.told import Told
from translator.observe import reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")

PULL = {reasons.IMAGE_NOT_FOUND, reasons.IMAGE_PULL_DENIED, reasons.IMAGE_PULL_FAILED}
"""A registry says that an image is not there, a name server that there is no such registry."""

HELD: Mapping[str, tuple[Mapping[str, Any], set[str], str]] = {
    "scheduling": (
        {"command": ["true"], "computeResources": {"requests": {"cpu": "4000"}}},
        {reasons.UNSCHEDULABLE},
        "Insufficient cpu",
    ),
    "image": ({"image": "ccr.ccs.tencentyun.com/library/nonexist:1", "command": ["true"]}, PULL, "nonexist"),
    "configuration": (
        {
            "command": ["true"],
            "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "no-such-map", "key": "x"}}}],
        },
        {reasons.CREATE_CONTAINER_CONFIG_ERROR},
        "no-such-map",
    ),
}
"""What keeps a step from starting: the step, the reasons that may be told, and a word of the message."""


def stopping(held: str) -> Any:
    text = task(HELD[held][0], "echo unreachable")
    return pytest.param(*HELD[held][1:], id=held, marks=pytest.mark.scene(text))


def going_on(held: str) -> Any:
    text = task({**HELD[held][0], "onError": "continue"}, "echo after")
    return pytest.param(*HELD[held][1:], id=held, marks=pytest.mark.scene(text))


def ended_after_the_grace(told: Told, may_be: set[str], word: str) -> str:
    """Returns the reason, which is the same from the first sight to the end."""
    waiting = told.first(kind="step", name="s1", phase="Pending")
    assert waiting["reason"] in may_be
    assert word in waiting["message"]
    assert waiting["remedy"] == reasons.remedy(waiting["reason"])
    assert told.seconds(told.events[0], waiting) < START_GRACE_S
    failed = told.first(kind="step", name="s1", phase="Failed")
    assert failed["reason"] in may_be
    assert word in failed["message"]
    assert START_GRACE_S - 2 < told.seconds(told.events[0], failed) < START_GRACE_S + 20
    return str(failed["reason"])


@pytest.mark.parametrize(("may_be", "word"), [stopping(held) for held in HELD])
async def test_it_ends_the_task(told: Told, may_be: set[str], word: str) -> None:
    reason = ended_after_the_grace(told, may_be, word)
    assert told.ended == ("Failed", reason)
    assert told.outcomes == [("s1", "Failed", None, reason), ("s2", "Skipped", None, "")]
    assert told.lines == {}


@pytest.mark.parametrize(("may_be", "word"), [going_on(held) for held in HELD])
async def test_the_task_goes_on_where_it_may(told: Told, may_be: set[str], word: str) -> None:
    reason = ended_after_the_grace(told, may_be, word)
    assert told.ended == ("Succeeded", "")
    assert told.outcomes == [("s1", "Failed", None, reason), ("s2", "Succeeded", 0, "")]
    assert told.lines == {"s2": ["after"]}


@pytest.mark.scene(task({"command": ["true"]}, podTemplate={"schedulerName": "nobody"}))
async def test_a_pod_of_which_nobody_says_anything(told: Told) -> None:
    assert told.ended == ("Failed", reasons.START_TIMEOUT)
    assert told.outcomes == [("s1", "Failed", None, reasons.START_TIMEOUT)]


MOUNTED = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}


@pytest.mark.scene(
    task(
        {**MOUNTED, "script": "echo one"},
        {**MOUNTED, "command": ["true"], "image": "ccr.ccs.tencentyun.com/library/nonexist:1"},
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    )
)
async def test_a_step_of_a_shared_pod_whose_turn_has_come(told: Told) -> None:
    assert told.ended[0] == "Failed"
    assert told.ended[1] in PULL
    assert told.outcomes[0] == ("s1", "Succeeded", 0, "")
    assert told.outcomes[1][1] == "Failed"
    assert told.outcomes[1][3] in PULL
    assert told.lines == {"s1": ["one"]}


@pytest.mark.scene(task("echo never", podTemplate=NOWHERE), timeout=12)
async def test_the_task_s_own_deadline_comes_first_where_it_is_shorter(told: Told) -> None:
    assert told.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    assert told.final["message"].startswith(
        "the task ran longer than its timeout of 12s; step s1 was waiting: 0/1 nodes are available"
    )
