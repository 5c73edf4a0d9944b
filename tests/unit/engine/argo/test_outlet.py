from __future__ import annotations

import asyncio

from translator.engine.argo.outlet import FULL, Outlet
from translator.observe.observation import LogEnd, LogLines


def lines(step: str, *text: str, cursor: int = 0) -> LogLines:
    return LogLines(step, text, {"at": cursor}, f"t{cursor}")


async def test_neighbouring_lines_of_one_step_leave_together() -> None:
    woken: list[None] = []
    outlet = Outlet(lambda: woken.append(None))
    for seen in (
        lines("a", "1", cursor=1),
        lines("a", "2", "3", cursor=2),
        lines("b", "4", cursor=1),
        LogEnd("a"),
    ):
        await outlet.put(seen)
    assert outlet.take() == [lines("a", "1", "2", "3", cursor=2), lines("b", "4", cursor=1), LogEnd("a")]
    assert len(woken) == 4
    assert outlet.take() == []


async def test_a_writer_waits_while_the_reader_is_slow() -> None:
    outlet = Outlet(lambda: None)
    await outlet.put(lines("a", "x" * FULL))
    writing = asyncio.create_task(outlet.put(lines("a", "y")))
    await asyncio.sleep(0)
    assert not writing.done()
    assert len(outlet.take()) == 1
    await writing
    assert outlet.take() == [lines("a", "y")]
