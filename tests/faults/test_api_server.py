"""The API server forgets, freezes, refuses the token, and goes quiet."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.tasks import endless, failing, filed, plain

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAST = 20
"""So many times faster runs the service's clock: ten minutes of its time are half a minute."""


async def under_way(stage, *, speed=1, name="t", count=6, lines=80):
    if not stage.serve.alive:
        await stage.serve.start(speed=speed)
    tasks = [plain(f"{name}{number}", lines, lines // 2) for number in range(count)]
    await stage.submit(*tasks, failing(f"{name}-failing"), filed(f"{name}-files"))
    await stage.event(lambda event: event["kind"] == "log" and event["taskId"].startswith(name))


async def test_a_storm_of_410(stage, hold):
    async with stage() as made:
        await under_way(made)
        for _ in range(5):
            made.cluster.forgetful += made.chance.randint(1, 4)
            for resource in ("workflows", "pods"):
                await made.cluster.cut(resource)
                made.count()
            await asyncio.sleep(made.chance.uniform(0, 0.5))
        hold(await made.finish())


async def test_frozen_for_half_a_minute(stage, hold):
    async with stage() as made:
        await under_way(made, speed=FAST, lines=300)
        made.cluster.freeze()
        made.count()
        submitting = asyncio.create_task(under_way(made, name="frozen"))
        await asyncio.sleep(32 / FAST)
        made.cluster.thaw()
        await submitting
        hold(await made.finish())


async def test_the_token_has_expired(stage, hold, tmp_path):
    async with stage() as made:
        await under_way(made, speed=FAST)
        made.cluster.token = "t1"
        made.count()
        for resource in ("workflows", "pods"):
            await made.cluster.cut(resource)
        submitting = asyncio.create_task(under_way(made, name="late"))
        await asyncio.sleep(30 / FAST)
        made.cluster.kubeconfig(tmp_path / "kubeconfig")
        await submitting
        hold(await made.finish())


async def test_watches_that_stay_open_and_say_nothing(stage, hold):
    async with stage() as made:
        await under_way(made, speed=FAST, lines=200)
        ending = endless("cancelled")
        await made.submit(ending)
        await made.event(lambda event: event["taskId"] == ending.task_id and event["kind"] == "log")
        made.cluster.silent.set()
        made.count(2)
        # both watches hear of something, and fall silent for good; those that come after them do not
        await made.submit(plain("heard"))
        await made.cluster.until(lambda: made.cluster.silenced >= 2)
        made.cluster.silent.clear()
        await made.cancel(ending)
        hold(await made.finish(120))
