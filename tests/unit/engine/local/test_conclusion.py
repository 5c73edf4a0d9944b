from __future__ import annotations

import pytest

from translator.engine.local.conclusion import conclude
from translator.engine.local.plan import Container, Pod
from translator.engine.local.status import DEADLINE, SHUTDOWN, STOPPED, WORKFLOW_DEADLINE, Outcome

GOOD = Outcome("Succeeded", "", 0)
FAILED = Outcome("Failed", "main: Error (exit code 3)", 3)
BROKEN = Outcome("Error", "pod deleted")


def pods(*names: str, going_on: str = "") -> dict[str, Pod]:
    """Steps, each after the one before, as in a task; `going_on` names those with ``onError: continue``."""
    made: dict[str, Pod] = {}
    for name in names:
        goes_on = name in going_on
        container = Container(name, "main", "i", "", ("x",), ())
        before = tuple(list(made)[-1:])
        made[name] = Pod(name, name, (container,), before, continue_failed=goes_on, continue_error=goes_on)
    return made


@pytest.mark.parametrize(
    ("ends", "going_on", "stopped", "concluded"),
    [
        ([GOOD, GOOD], "", "", ("Succeeded", "")),
        ([FAILED], "", "", ("Failed", "")),
        ([FAILED, GOOD], "a", "", ("Succeeded", "")),
        ([FAILED, FAILED], "ab", "", ("Succeeded", "")),
        ([FAILED, FAILED], "a", "", ("Failed", "")),
        ([BROKEN], "", "", ("Error", "")),
        ([GOOD], "", SHUTDOWN, ("Failed", STOPPED)),
        ([GOOD, GOOD], "", SHUTDOWN, ("Succeeded", "")),
        ([Outcome("Failed", SHUTDOWN, 143), GOOD], "a", SHUTDOWN, ("Failed", STOPPED)),
        ([GOOD], "", WORKFLOW_DEADLINE, ("Failed", "")),
        ([Outcome("Failed", DEADLINE, 137)], "", "", ("Failed", "")),
        # the last step has onError: continue and was omitted
        ([FAILED], "b", "", ("Failed", "")),
        ([BROKEN], "b", "", ("Error", "")),
    ],
)
def test_how_a_workflow_of_two_steps_ends(
    ends: list[Outcome], going_on: str, stopped: str, concluded: tuple[str, str]
):
    both = pods("a", "b", going_on=going_on)
    assert conclude(dict(zip(both, ends, strict=False)), both, list(both), stopped) == concluded


@pytest.mark.parametrize(("going_on", "phase"), [("", "Failed"), ("b", "Succeeded")])
def test_without_a_target_the_last_step_alone_is_asked_as_argo_does(going_on: str, phase: str):
    both = pods("a", "b", going_on=going_on)
    assert conclude({"a": FAILED}, both, ["b"], "") == (phase, "")
