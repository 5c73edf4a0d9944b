"""Redis dies, forgets, is full, is slow, fails over; the services go on where they were."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.tasks import failing, filed, plain

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def under_way(stage, count=6, lines=100, *, secret=True):
    """Start the services, and tasks that write for a second or two."""
    for serve in stage.serves:
        await serve.start()
    tasks = [plain(f"t{number}", lines, lines // 2) for number in range(count)]
    await stage.submit(*tasks, failing("failing"), filed("files", secret=secret))
    await stage.event(lambda event: event["kind"] == "log")


async def test_killed_and_restarted_with_its_data(stage, hold):
    async with stage() as made:
        await under_way(made)
        for number in range(3):
            made.redis.kill()
            made.count()
            await asyncio.sleep(made.chance.uniform(0, 1))
            await made.redis.start()
            await made.submit(plain(f"after-{number}"))
        hold(await made.finish())


async def test_killed_together_with_the_service(stage, hold):
    async with stage() as made:
        await under_way(made)
        for _ in range(3):
            made.redis.kill()
            await made.kill()
            made.count()
            await made.redis.start()
            await made.serve.start()
            await asyncio.sleep(made.chance.uniform(0, 0.5))
        hold(await made.finish())


async def test_without_its_data_what_ran_is_told_to_its_end(stage, hold):
    async with stage(RECONCILE_SECONDS=1) as made:
        # of a task with secrets nobody would know what to mask: all of its lines become ***
        await under_way(made, lines=200, secret=False)
        for task_id in list(made.tasks):
            await made.event(lambda event, of=task_id: event["taskId"] == of and "workflow" in event)
        made.redis.kill()
        made.redis.lose_data()
        made.count()
        await made.redis.start()
        await made.submit(plain("afterwards"))
        hold(await made.finish(retold=True))


async def test_full(stage, hold):
    async with stage() as made:
        await under_way(made)
        used = (await made.redis.client.info("memory"))["used_memory"]
        await made.redis.client.config_set("maxmemory", used // 2)
        made.count()
        late = asyncio.create_task(made.submit(plain("late")))
        await asyncio.sleep(2)
        assert not late.done()
        await made.redis.client.config_set("maxmemory", 0)
        await late
        hold(await made.finish())


async def test_held_up(stage, hold):
    async with stage() as made:
        await under_way(made)
        for seconds in (0.5, 3, 11):
            made.redis.pause()
            made.count()
            await asyncio.sleep(seconds)
            made.redis.resume()
            await made.submit(plain(f"after-{seconds}"))
        hold(await made.finish())


async def test_failed_over(stage, hold):
    async with stage(REDIS__WAIT_REPLICAS=1, replicated=True) as made:
        await under_way(made, lines=200)
        await made.redis_fails_over()
        # the new master has nobody to copy to, and so nothing counts until the old one has come back
        await made.redis.start()
        await made.submit(plain("afterwards"))
        hold(await made.finish(120))
