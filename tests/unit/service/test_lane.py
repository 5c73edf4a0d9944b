from __future__ import annotations

import asyncio

import pytest

from translator.service.lane import Lane


async def test_turns_are_served_together_up_to_the_most():
    served, go = [], asyncio.Event()

    async def serve(turns):
        await go.wait()
        served.append([turn.task_id for turn in turns])
        for turn in turns:
            turn.done(turn.task_id.upper())

    lane = Lane("test", serve, loops=1, most=2)
    waiting = [asyncio.create_task(lane.turn(name)) for name in "abcde"]
    go.set()
    assert await asyncio.gather(*waiting) == ["A", "B", "C", "D", "E"]
    assert served == [["a", "b"], ["c", "d"], ["e"]]
    await lane.stop()


async def test_what_serving_raises_is_everyones_answer_and_the_lane_goes_on():
    async def serve(turns):
        if turns[0].task_id == "bad":
            raise RuntimeError("no")
        turns[0].done(1)

    lane = Lane("test", serve, loops=1)
    with pytest.raises(RuntimeError, match="no"):
        await lane.turn("bad")
    assert await lane.turn("good") == 1
    await lane.stop()


async def test_whoever_gave_up_is_not_served():
    served, busy, go = [], asyncio.Event(), asyncio.Event()

    async def serve(turns):
        busy.set()
        await go.wait()
        for turn in turns:
            served.append(turn.task_id)
            turn.done(None)

    lane = Lane("test", serve, loops=1)
    first = asyncio.create_task(lane.turn("first"))
    gone = asyncio.create_task(lane.turn("gone"))
    await busy.wait()
    gone.cancel()
    go.set()
    await first
    await lane.turn("last")
    assert served == ["first", "last"]
    await lane.stop()
