from __future__ import annotations

import asyncio

from translator.engine.argo.slots import Slots


async def test_no_more_than_the_limit_at_once_and_in_order() -> None:
    slots = Slots(2)
    order: list[int] = []
    gates = [asyncio.Event() for _ in range(4)]

    async def work(number: int) -> None:
        async with slots.turn():
            order.append(number)
            await gates[number].wait()

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == [0, 1]
        assert slots.wanted
        gates[1].set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == [0, 1, 2]
        for gate in gates:
            gate.set()
    assert order == [0, 1, 2, 3]
    assert not slots.wanted


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    slots = Slots(1)

    async def wait() -> None:
        async with slots.turn():
            raise AssertionError

    async with slots.turn():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        assert slots.wanted
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not slots.wanted
    async with asyncio.timeout(1), slots.turn():
        pass
