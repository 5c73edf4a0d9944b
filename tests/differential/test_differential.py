"""The differential test's own parts, with the local engine on both sides and a difference that is planted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.differential.comparison import Observed, differences
from tests.differential.generator import HANG_S, NOT_COVERED, POD, RandomTask
from tests.differential.runner import LOCAL_PATH, Differential, Side, compare, generate, report, smallest
from translator.engine.local.engine import LocalEngine
from translator.observe.observation import WorkflowRef
from translator.task.schema.pod_template import POD_TEMPLATE
from translator.task.schema.step import STEP
from translator.task.schema.task import TASK
from translator.workflow.rendered import Rendered

SEED = 7


class Wrong(LocalEngine):
    """An engine that has ``exit 3`` for ``exit 2``."""

    async def submit(self, rendered: Rendered) -> WorkflowRef:
        wrong = json.loads(json.dumps([rendered.workflow, rendered.files]).replace("exit 2", "exit 3"))
        return await super().submit(replace(rendered, workflow=wrong[0], files=wrong[1]))


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Differential]:
    environment = {"PATH": LOCAL_PATH, "HOME": str(tmp_path)}
    engines = [
        LocalEngine(root=tmp_path / "right", environment=environment),
        Wrong(root=tmp_path / "wrong", environment=environment),
    ]
    for engine in engines:
        await engine.start()
    slots = asyncio.Semaphore(4)
    yield Differential(Side(engines[0], slots), Side(engines[1], slots))
    for engine in engines:
        await engine.close()


def one_step(script: str) -> RandomTask:
    step = {"name": "a", "image": "alpine", "script": script}
    return RandomTask({"taskSpec": {"displayName": "t", "steps": [step]}})


def test_a_seed_makes_the_same_tasks() -> None:
    made = generate(10, SEED)
    assert [task.key for task in made] == [task.key for task in generate(10, SEED)]
    assert len({task.key for task in made}) == 10
    assert [task.key for task in made] != [task.key for task in generate(10, SEED + 1)]


def test_every_field_of_a_task_is_tried_or_has_a_reason() -> None:
    known = {*TASK, *TASK["taskSpec"]["schema"], *STEP["schema"], *POD_TEMPLATE["schema"]}
    tried = {*POD}
    for task in generate(25, SEED):
        spec = task.data["taskSpec"]
        tried |= {*task.data, *task.data.get("podTemplate", ()), *spec}
        tried |= {name for step in spec["steps"] for name in step}
    assert known - tried == set(NOT_COVERED)


def test_the_smallest_form_keeps_what_differs() -> None:
    big = next(task for task in generate(5, SEED) if "printf" in task.text)
    small = smallest(big, 5, SEED, lambda task: "printf" in task.text)
    assert "printf" in small.text
    assert len(small.text) <= len(big.text)
    assert len(small.data["taskSpec"]["steps"]) == 1


async def test_an_engine_that_is_the_same_shows_no_difference(pair: Differential) -> None:
    same = Differential(pair.local, pair.local)
    made = [task for task in generate(12, SEED) if str(HANG_S) not in task.text][:5]
    assert await compare(same, made) == []


async def test_a_planted_difference_is_found_and_reported(pair: Differential) -> None:
    wrong, right = one_step("echo before\nexit 2\n"), one_step("echo before\nexit 4\n")
    assert await compare(pair, [wrong, right]) == [wrong]
    told = report(pair, wrong, SEED)
    assert "step a: local ('Failed', 2, 'StepFailed'), cluster ('Failed', 3, 'StepFailed')" in told
    assert f"seed {SEED}" in told
    assert wrong.text in told
    assert "translator run task.yaml" in told


def test_lines_are_compared_in_order_but_for_two_streams() -> None:
    one = Observed(("Succeeded", ""), lines={"a": ["1", "2"]})
    other = Observed(("Succeeded", ""), lines={"a": ["2", "1"]})
    assert differences(one, one) == []
    assert differences(one, other)[0] == "lines of a: line 1 of 2 and 2: local '1', cluster '2'"
    assert differences(one, other, mixed={"a"}) == []
    assert differences(one, Observed(("Succeeded", ""), lines={"a": ["1"]}), mixed={"a"})
    assert differences(one, Observed(("Succeeded", ""), lines=one.lines, gaps=(("a", "why"),)))
