"""How a service ends when it takes too long."""

from __future__ import annotations

import asyncio

from tests.integration.service.rounds import cloud_task, eventually
from translator.agent_server.faults import Fault


async def begun(round_, engine):
    """A task that runs, and of which nothing can be delivered."""
    round_.stand_in.faults.add(*[Fault(status=503)] * 10_000)
    await round_.post(cloud_task("t1", "sleep 60"))

    async def runs():
        return [each async for each in engine.holdings()] and round_.service._parts.follower.busy("t1")

    await eventually(runs)


async def test_deliveries_that_outlast_the_grace_are_ended_and_so_is_what_runs(start_round, engine):
    async with start_round(grace_seconds=2, flush_seconds=600) as round_:
        await begun(round_, engine)
        await round_.service.stop()
        assert not round_.service._parts.deliverer.busy("t1")
        assert [each async for each in engine.holdings()] == []


async def test_what_hangs_keeps_nothing_else_from_ending(start_round, engine, monkeypatch):
    async with start_round(grace_seconds=2) as round_:
        await begun(round_, engine)
        parts = round_.service._parts
        with monkeypatch.context() as patch:
            patch.setattr(parts.submitter, "stop", asyncio.Event().wait)
            await round_.service.stop()
        assert not parts.follower.busy("t1")
        assert not parts.deliverer.busy("t1")
        assert [each async for each in engine.holdings()] == []
