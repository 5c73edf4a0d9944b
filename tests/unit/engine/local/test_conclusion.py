from __future__ import annotations

import pytest

from translator.engine.local.conclusion import conclude
from translator.engine.local.plan import Container, Pod
from translator.engine.local.status import DEADLINE, SHUTDOWN, STOPPED, WORKFLOW_DEADLINE, Outcome

GOOD = Outcome("Succeeded", "", 0)
FAILED = Outcome("Failed", "main: Error (exit code 3)", 3)
BROKEN = Outcome("Error", "pod deleted")


def pod(name: str, *, goes_on: bool = False) -> Pod:
    container = Container(name, "main", "i", "", ("x",), ())
    return Pod(task=name, template=name, containers=(container,), continue_failed=goes_on)


@pytest.mark.parametrize(
    ("ends", "goes_on", "stopped", "concluded"),
    [
        ([GOOD, GOOD], False, "", ("Succeeded", "")),
        ([FAILED], False, "", ("Failed", "")),
        ([FAILED, GOOD], True, "", ("Succeeded", "")),
        ([BROKEN], True, "", ("Error", "")),
        ([GOOD], False, SHUTDOWN, ("Failed", STOPPED)),
        ([GOOD, GOOD], False, SHUTDOWN, ("Succeeded", "")),
        ([Outcome("Failed", SHUTDOWN, 143), GOOD], True, SHUTDOWN, ("Failed", STOPPED)),
        ([GOOD], False, WORKFLOW_DEADLINE, ("Failed", "")),
        ([Outcome("Failed", DEADLINE, 137)], False, "", ("Failed", "")),
    ],
)
def test_how_a_workflow_of_two_steps_ends(
    ends: list[Outcome], goes_on: bool, stopped: str, concluded: tuple[str, str]
):
    pods = {"a": pod("a", goes_on=goes_on), "b": pod("b")}
    assert conclude(dict(zip(pods, ends, strict=False)), pods, stopped) == concluded
