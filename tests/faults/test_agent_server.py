"""agent-server is away, fails, and loses its answers, over either transport."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.tasks import failing, plain
from translator.agent_server.faults import Fault

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("link", [False, True], ids=["http", "link"]),
]

FAST = 20
AWAY_S = 600


async def submitted(stage, *, speed=1, count=6, lines=60):
    await stage.serve.start(speed=speed)
    tasks = [plain(f"t{number}", lines, lines // 2) for number in range(count)]
    await stage.submit(*tasks, failing("failing"))


async def test_away_for_ten_minutes(stage, hold, link):
    async with stage(link=link) as made:
        await submitted(made, speed=FAST, lines=200)
        await made.event(lambda event: event["kind"] == "log")
        made.count()
        async with made.agent_server_away():
            await made.submit(plain("meanwhile"))
            await asyncio.sleep(AWAY_S / FAST)
        # the longest pause is half a minute, a request may take as long
        hold(await made.finish(60 + 60 / FAST))


async def test_it_fails_for_a_while(stage, hold, link):
    async with stage(link=link) as made:
        faults = [
            Fault(
                status=made.chance.choice([500, 502, 503, 504, 429]),
                retry_after=made.chance.choice(["", "1"]),
            )
            for _ in range(20)
        ]
        made.stand_in.faults.add(*faults)
        made.count(len(faults))
        await submitted(made)
        hold(await made.finish())


async def test_it_takes_events_and_loses_the_answer(stage, hold, link):
    async with stage(link=link) as made:
        kinds = [
            Fault(drop="after"), Fault(drop="before"), Fault(duplicate=True), Fault(reorder=True),
            Fault(delay=0.3), Fault(delay=0.2, drop="after"),
        ]  # fmt: skip
        faults = [made.chance.choice(kinds) for _ in range(25)]
        made.stand_in.faults.add(*faults)
        made.count(len(faults))
        # the longer a link does not last, the longer its next dial waits
        await submitted(made, speed=FAST if link else 1)
        hold(await made.finish())


async def test_the_service_is_killed_while_the_answer_is_under_way(stage, hold, link):
    async with stage(link=link) as made:
        await submitted(made)
        for _ in range(5):
            made.stand_in.faults.add(Fault(drop="after"))
            seen = len(made.stand_in.ledger.kept)
            async with asyncio.timeout(20):
                async for _ in made.stand_in.events(seen):
                    break
            await made.kill()
            made.count()
            await made.serve.start()
            if all(made.stand_in.ledger.final(task, 1) for task in made.tasks):
                break
        hold(await made.finish())
