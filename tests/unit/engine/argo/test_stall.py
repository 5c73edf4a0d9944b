from __future__ import annotations

import asyncio

import pytest

from translator.engine.argo import stall
from translator.engine.argo.answers import UnavailableError
from translator.engine.argo.stall import Progress, stopped_when_stalled

HERE = Progress(100, "2026-01-01T00:00:05Z")


def refuse() -> None:
    raise AssertionError


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "QUIET_S", 0.001)


async def test_a_follow_behind_the_logs_newest_line_is_stopped_whatever_fails_meanwhile() -> None:
    stopped = asyncio.Event()
    answers = iter([UnavailableError("busy"), HERE.newest, "2026-01-01T00:00:06Z"])

    async def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with stopped_when_stalled(lambda: HERE, ask, stopped.set, refuse):
        await asyncio.wait_for(stopped.wait(), 5)
    assert list(answers) == []


async def test_while_its_lines_wait_to_be_taken_nothing_is_asked() -> None:
    looked = asyncio.Event()
    looks = 0

    def progress() -> Progress:
        nonlocal looks
        looks += 1
        if looks > 5:
            looked.set()
        return Progress(100, "", taken=False)

    async def ask() -> str:
        raise AssertionError

    async with stopped_when_stalled(progress, ask, lambda: None, refuse):
        await asyncio.wait_for(looked.wait(), 5)


async def test_a_follow_that_outlasts_its_container_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "OVER_S", 0.004)
    given_up = asyncio.Event()
    looks = 0

    def progress() -> Progress:
        nonlocal looks
        looks += 1
        # it is quiet for long before its container ends, which counts for nothing
        return Progress(100, HERE.newest, over=looks > 20)

    async def ask() -> str:
        return HERE.newest

    async with stopped_when_stalled(progress, ask, refuse, given_up.set):
        await asyncio.wait_for(given_up.wait(), 5)
    assert looks >= 24


async def test_a_watch_that_fails_does_not_fail_silently() -> None:
    asked = asyncio.Event()

    async def ask() -> str:
        asked.set()
        raise ValueError("a fault of ours")

    async def follow() -> None:
        async with stopped_when_stalled(lambda: HERE, ask, lambda: None, refuse):
            await asyncio.wait_for(asked.wait(), 5)

    with pytest.raises(ValueError, match="a fault of ours"):
        await follow()
