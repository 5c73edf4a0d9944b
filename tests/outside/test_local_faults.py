"""Longer faults on the local engine: Redis stalls and loses, replicas die and sleep, clocks jump."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from tests.outside.agent_server import Answer
from tests.outside.hands import Clock, fake_clock
from tests.outside.judge import judge
from tests.outside.service import Service, serving
from tests.outside.tasks import Step, task

HOUR_S = 3600
LEASE_S = 15.0


async def accepted(told, service, *works):
    for answer in await told.submit(service.url, *(work.item() for work in works)):
        assert answer["outcome"] == "accepted", answer
    return works


async def test_redis_stalls_for_longer_than_a_lease(told, service, redis_server):
    """Two replicas and running tasks: they wait and go on, and nobody is told that a runner was lost."""
    one, two = service("one"), service("two")
    async with serving(one, two):
        works = await accepted(told, one, *(task(Step("s1", 400, pause=0.1)) for _ in range(8)))
        for work in works:
            await told.line(work.id, "s1 5")
        redis_server.pause()
        await asyncio.sleep(17)
        redis_server.go_on()
        for work in works:
            await told.final(work.id, 120)
            assert judge(told, work).ended == ("Succeeded", "")


@pytest.mark.parametrize("seconds", [3, 20])
async def test_a_replica_sleeps(told, service, seconds):
    """Its processes go on meanwhile; whoever has the shard when it wakes up, each task ends once."""
    one, two = service("one"), service("two")
    async with serving(one, two):
        works = await accepted(told, two, *(task(Step("s1", 300, pause=0.1)) for _ in range(8)))
        for work in works:
            await told.line(work.id, "s1 5")
        one.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        one.send(signal.SIGCONT)
        for work in works:
            await told.final(work.id, 180)
            assert judge(told, work).ended == ("Succeeded", "")


async def test_a_replica_is_killed(told, service):
    """What ran there is lost and told so, once; what ran elsewhere goes on."""
    one, two = service("one"), service("two")
    async with serving(one, two):
        works = await accepted(told, two, *(task(Step("s1", 150, pause=0.1), Step("s2")) for _ in range(8)))
        for work in works:
            await told.line(work.id, "s1 5")
        await one.kill()
        ended = []
        for work in works:
            await told.final(work.id, 240)
            ended.append(judge(told, work).ended)
        assert set(ended) <= {("Succeeded", ""), ("Error", "RunnerLost")}
        assert ("Succeeded", "") in ended
        assert ("Error", "RunnerLost") in ended


async def test_redis_is_killed_and_comes_back_with_its_data(told, service, redis_server):
    one = service("one")
    async with serving(one):
        works = await accepted(told, one, *(task(Step("s1", 100, pause=0.1)) for _ in range(4)))
        await told.line(works[0].id, "s1 5")
        redis_server.kill()
        await asyncio.sleep(4)
        redis_server.start()
        for work in works:
            await told.final(work.id, 120)
            assert judge(told, work).ended == ("Succeeded", "")


async def test_redis_lost_everything_while_tasks_ran(told, service, redis_server):
    """Also those that end within a moment of the loss are told of."""
    one = service("one")
    async with serving(one):
        works = await accepted(told, one, *(task(Step("s1", n, pause=0.1)) for n in (8, 12, 20, 60)))
        for work in works:
            await told.line(work.id, "s1 5")
        redis_server.empty()
        for work in works:
            await told.final(work.id, 60)
            judge(told, work, lost=True)


async def test_agent_server_is_away_and_forgets_answers(told, service):
    one = service("one")
    async with serving(one):
        told.always = Answer(cut="before")
        (work,) = await accepted(told, one, task(Step("s1", 30, pause=0.1), Step("s2", 1000)))
        await asyncio.sleep(5)
        told.next(*[Answer(cut="after"), Answer(status=429, retry_after="1"), Answer(hang=2)] * 2)
        told.always = Answer()
        await told.final(work.id)
        assert judge(told, work).ended == ("Succeeded", "")


async def test_over_the_link(told, service):
    """Tasks come and events go over one WebSocket, which is cut and refuses."""
    address = told.url.replace("http://", "ws://") + "?clientId=outside"
    one = service("one", **{"SERVER-ADDRESS": address})
    async with serving(one):
        await told.wait_for_link(1)
        works = [task(Step("s1", 40, pause=0.1), Step("s2", 100)) for _ in range(3)]
        for answer in await told.hand_over("one", *(work.item() for work in works)):
            assert answer["outcome"] == "accepted", answer
        faults = (Answer(cut="before"), Answer(503, retry_after="1"), Answer(cut="after"), Answer(hang=1))
        for fault in faults:
            told.next(fault)
            await asyncio.sleep(1)
        for work in works:
            await told.final(work.id)
            story = judge(told, work)
            assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def test_ctrl_c(told, tmp_path):
    """Every process of the terminal gets the signal; what was printed is told before the service stops."""
    one = Service(tmp_path, {"SERVER-ADDRESS": told.url, "engine": "local"})
    async with serving(one):
        (work,) = await accepted(told, one, task(Step("s1", 20)))
        await told.final(work.id)
        told.always = Answer(503, retry_after="0")
        (late,) = await accepted(told, one, task(Step("s1", 20)))
        await one.ended(late.id, 20)
        told.always = Answer(hang=0.3)
        assert one.process is not None
        os.killpg(one.process.pid, signal.SIGINT)
        async with asyncio.timeout(30):
            code = await one.process.wait()
        assert code in (0, 130, -signal.SIGINT), one.log()[-2000:]
        judge(told, work)
        judge(told, late)
        for bad in ("Traceback", "undelivered", "not let go"):
            assert bad not in one.log()


@pytest.fixture
def clock(tmp_path):
    if fake_clock() is None:
        pytest.skip("no fake clock: Debian's package libfaketime is not installed")
    return Clock(tmp_path)


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("whose", ["service", "redis"])
async def test_a_clock_jumps(told, service, redis_server, clock, hours, whose):
    """A task ends by its deadline never early, and late by a lease at most."""
    env = clock.env if whose == "service" else {}
    if whose == "redis":
        redis_server.kill()
        redis_server.env = clock.env
        redis_server.start()
    one = service("one", env=env)
    async with serving(one):
        begun = time.monotonic()
        runs, hangs = task(Step("s1", 100, pause=0.1)), task(Step("s1", 600, pause=0.1), timeout=12)
        await accepted(told, one, runs, hangs)
        await told.line(runs.id, "s1 3")
        clock.set(hours * HOUR_S)
        await told.final(hangs.id, 12 + LEASE_S + 10)
        took = time.monotonic() - begun
        await told.final(runs.id, 60)
    assert judge(told, hangs).ended[0] == "TimedOut"
    assert 12 <= took <= 12 + LEASE_S
    assert judge(told, runs).ended == ("Succeeded", "")


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_jumps_at_a_submission(told, service, clock, hours):
    """Some are accepted before it and followed after it, at every distance."""
    one = service("one", env=clock.env)
    async with serving(one):
        works = [task(Step("s1", 20, pause=0.1)) for _ in range(16)]
        for number, work in enumerate(works):
            await accepted(told, one, work)
            await asyncio.sleep(0.05)
            if number == 8:
                clock.set(hours * HOUR_S)
        for work in works:
            await told.final(work.id, 60)
            assert judge(told, work).ended == ("Succeeded", "")
