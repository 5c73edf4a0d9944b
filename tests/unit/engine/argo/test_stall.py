from __future__ import annotations

import asyncio

import pytest

from translator.engine.argo import stall
from translator.engine.argo.answers import UnavailableError
from translator.engine.argo.stall import Progress, looked_after

HERE = Progress(100)


def refuse() -> None:
    raise AssertionError


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "LOOK_S", 0.001)


async def test_a_follow_that_has_stalled_is_stopped_whatever_fails_meanwhile() -> None:
    stopped = asyncio.Event()
    answers = iter([UnavailableError("busy"), False, True])

    async def look(quiet: bool) -> bool:
        assert quiet
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with looked_after(lambda: HERE, look, stopped.set, refuse):
        await asyncio.wait_for(stopped.wait(), 5)
    assert list(answers) == []


async def test_a_follow_is_not_quiet_while_its_lines_wait_to_be_taken_nor_while_some_come() -> None:
    looks: list[bool] = []
    looked = asyncio.Event()
    progress = iter([Progress(100, taken=False)] * 3 + [HERE] * 2 + [Progress(101)] * 2)
    last = HERE

    def come() -> Progress:
        nonlocal last
        last = next(progress, last)
        return last

    async def look(quiet: bool) -> bool:
        looks.append(quiet)
        if len(looks) > 5:
            looked.set()
        return False

    async with looked_after(come, look, lambda: None, refuse):
        await asyncio.wait_for(looked.wait(), 5)
    assert looks[0] is False
    assert looks[-1] is True


async def test_a_follow_that_outlasts_its_container_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "OVER_S", 0.004)
    given_up = asyncio.Event()
    looks = 0

    def progress() -> Progress:
        nonlocal looks
        looks += 1
        # it is quiet for long before its container ends, which counts for nothing
        return Progress(100, over=looks > 20)

    async def look(quiet: bool) -> bool:
        return False

    async with looked_after(progress, look, refuse, given_up.set):
        await asyncio.wait_for(given_up.wait(), 5)
    assert looks >= 24


async def test_a_watch_that_fails_does_not_fail_silently() -> None:
    asked = asyncio.Event()

    async def look(quiet: bool) -> bool:
        asked.set()
        raise ValueError("a fault of ours")

    async def follow() -> None:
        async with looked_after(lambda: HERE, look, lambda: None, refuse):
            await asyncio.wait_for(asked.wait(), 5)

    with pytest.raises(ValueError, match="a fault of ours"):
        await follow()
