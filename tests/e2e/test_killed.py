"""The service is killed ten times during twenty tasks: every line and every final status comes once."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.e2e.kubectl import found
from tests.e2e.serve import served
from tests.e2e.stage import Scene
from tests.e2e.tasks import task

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASKS = 20
KILLS = 10
LINES = 150
AT_ONCE = 5

NUMBERS = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo $i; sleep 0.05; done"


async def test_killed_ten_times_during_twenty_tasks(namespace: str, tmp_path: Path) -> None:
    seed = os.environ.get("E2E_SEED", "1")
    chance = random.Random(seed)
    slots = asyncio.Semaphore(AT_ONCE)
    async with served(namespace, tmp_path) as (stage, serve):

        async def play(number: int) -> str:
            async with slots:
                # every fourth fails: its second step must not run, its lines must be there all the same
                script = NUMBERS + ("; exit 3" if number % 4 == 3 else "")
                scene = Scene(task(script, "echo after"))
                play = await stage.submit(f"killed-{number}", scene)
                await stage.stand_in.final(play.task_id)
                return play.task_id

        playing = asyncio.gather(*(play(number) for number in range(TASKS)))
        kills = 0
        while not playing.done():
            await asyncio.wait([playing], timeout=chance.uniform(4, 10))
            if kills < KILLS and not playing.done():
                await serve.kill()
                kills += 1
                await asyncio.sleep(chance.uniform(0, 2))
                await serve.start()
        task_ids = await playing
        assert kills == KILLS, f"all was over after {kills} kills (seed {seed})"
        tolds = [await stage.told(task_id) for task_id in task_ids]
    numbers = [str(n) for n in range(1, LINES + 1)]
    for number, told in enumerate(tolds):
        fails = number % 4 == 3
        assert told.ended == (("Failed", "StepFailed") if fails else ("Succeeded", "")), told.final
        assert told.lines == ({"s1": numbers} if fails else {"s1": numbers, "s2": ["after"]}), seed
        assert told.gaps == []
        made = await found("workflows.argoproj.io", namespace, f"codo.dev/task-id={told.task_id}")
        assert len(made) == 1
