"""Redis loses everything while tasks run: they are taken up again from their Workflows."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.e2e.kubectl import released
from tests.e2e.serve import Serve, served
from tests.e2e.stage import Scene
from tests.e2e.tasks import task
from translator.observe.recovery import GAP, TAKEN_UP

pytestmark = pytest.mark.asyncio(loop_scope="session")

TICKS = "for i in $(seq 1 500); do echo $i; sleep 0.03; done"
NUMBERS = [str(n) for n in range(1, 501)]


async def loses_its_data(serve: Serve, folder: Path) -> None:
    await serve.kill()
    await asyncio.sleep(1)  # its Valkey ends with it
    shutil.rmtree(folder / "data")
    await serve.start()


async def test_a_task_goes_on_after_what_agent_server_holds(namespace: str, tmp_path: Path) -> None:
    async with served(namespace, tmp_path) as (stage, serve):
        play = await stage.submit("redis-lost", Scene(task("echo first", TICKS, "echo after")))
        await play.line("100")
        await loses_its_data(serve, tmp_path)
        told = await asyncio.wait_for(stage.told(play.task_id), 120)
        await asyncio.wait_for(released(namespace, f"codo.dev/task-id={play.task_id}"), 60)
    assert told.ended == ("Succeeded", ""), serve.log()
    assert [step["phase"] for step in told.final["steps"]] == ["Succeeded"] * 3
    assert sum("steps" in event for event in told.events) == 1
    assert told.first(message=TAKEN_UP)["phase"] == "Running"
    assert {gap["step"] for gap in told.gaps if gap["why"] == GAP} == {"s1", "s2"}
    assert told.lines["s1"] == ["first", "first"]
    before = len(told.lines["s2"]) - len(NUMBERS)
    assert told.lines["s2"] == NUMBERS[:before] + NUMBERS
    assert told.lines["s3"] == ["after"]


async def test_a_task_that_had_been_told_whole_is_told_no_more(namespace: str, tmp_path: Path) -> None:
    async with served(namespace, tmp_path) as (stage, serve):
        play = await stage.submit("told-whole", Scene(task("echo 1")))
        told = await asyncio.wait_for(stage.told(play.task_id), 120)
        await loses_its_data(serve, tmp_path)
        other = await stage.submit("told-after", Scene(task("echo 2")))
        await asyncio.wait_for(stage.told(other.task_id), 120)
        assert (await stage.told(play.task_id)).events == told.events
