from __future__ import annotations

import asyncio

import pytest

from translator.errors import TemporaryError
from translator.service.metrics import Metrics
from translator.service.sweep import Sweep, Wakers

NEVER = 3600.0


class Store:
    """Holds four shards with nothing to do; the first look fails as it is told."""

    def __init__(self, trouble):
        self.trouble = trouble
        self.looked = asyncio.Queue()

    def held(self):
        return frozenset(range(4))

    async def open_tasks(self, shards):
        self.looked.put_nowait(frozenset(shards))
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        return []


@pytest.mark.parametrize("trouble", [TemporaryError("Redis is away"), RuntimeError("a fault of ours")])
async def test_what_a_look_did_not_come_to_is_left_to_the_next(trouble):
    store, tidied, gained = Store(trouble), asyncio.Event(), []

    async def tidy():
        tidied.set()

    wakers = Wakers(*[lambda _: None] * 5, tidy, lambda: gained.append(True))
    sweep = Sweep(store, wakers, Metrics(), interval_s=NEVER)
    sweep.gained([1])
    sweep.start()
    async with asyncio.timeout(5):
        assert await store.looked.get() == store.held()
        await asyncio.sleep(0)
        assert gained == []
        sweep.gained([2])
        assert await store.looked.get() == store.held(), "not only the shards that came since"
        await tidied.wait()
    assert gained == [True]
    await sweep.stop()
