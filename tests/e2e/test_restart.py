"""The service is killed, as a machine that loses its power would kill it, and started again."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.kubectl import found
from tests.e2e.serve import served
from tests.e2e.stage import Scene
from tests.e2e.tasks import task

pytestmark = pytest.mark.asyncio(loop_scope="session")

TICKS = "for i in $(seq 1 500); do echo $i; sleep 0.02; done"


async def test_killed_while_a_step_logs_every_line_comes_once(namespace: str, tmp_path: Path) -> None:
    async with served(namespace, tmp_path) as (stage, serve):
        play = await stage.submit("killed-while-logging", Scene(task(TICKS, "echo after")))
        for line in ("50", "200", "320"):
            await play.line(line)
            await serve.kill()
            await asyncio.sleep(1)  # the step goes on writing while nobody reads
            await serve.start()
        told = await asyncio.wait_for(stage.told(play.task_id), 120)
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"s1": [str(n) for n in range(1, 501)], "s2": ["after"]}
    assert told.gaps == []


def passing(name: str) -> str:
    return task(f"echo {name}; codo set-context a={name}", "codo get-context a")


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_any_moment_each_task_runs_once(namespace: str, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"killed-{seed}-{n}" for n in range(3)]
    async with served(namespace, tmp_path) as (stage, serve):
        submitting = [asyncio.create_task(stage.submit(name, Scene(passing(name)))) for name in names]
        for _ in range(6):
            # a start takes about two seconds: these moments lie in it, in the submissions and after them
            await asyncio.sleep(chance.uniform(1.0, 4.0))
            await serve.kill()
            await serve.start()
        plays = await asyncio.wait_for(asyncio.gather(*submitting), 60)
        tolds = await asyncio.wait_for(asyncio.gather(*(stage.told(play.task_id) for play in plays)), 120)
    for name, told in zip(names, tolds, strict=True):
        assert told.ended == ("Succeeded", ""), serve.log()
        assert told.lines == {"s1": [name], "s2": [name]}
        made = await found("workflows.argoproj.io", namespace, f"codo.dev/task-id={told.task_id}")
        assert len(made) == 1


async def test_a_deadline_that_passes_while_the_service_is_away(namespace: str, tmp_path: Path) -> None:
    async with served(namespace, tmp_path) as (stage, serve):
        play = await stage.submit("away", Scene(task("echo begun; sleep 200"), args={"timeout": 15}))
        await play.line("begun")
        await serve.kill()
        await asyncio.sleep(15)
        await serve.start()
        told = await asyncio.wait_for(stage.told(play.task_id), 60)
    assert told.ended == ("TimedOut", "TaskDeadlineExceeded")
    assert told.lines["s1"][0] == "begun"
