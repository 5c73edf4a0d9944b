from __future__ import annotations

import asyncio

import pytest

from translator.agent_server.feed import Feed


async def test_readers_get_what_was_and_what_comes_until_the_end():
    feed: Feed[int] = Feed()
    feed.extend([1, 2])

    async def read(after):
        return [item async for item in feed.follow(after)]

    readers = asyncio.gather(read(0), read(1), read(3))
    await asyncio.sleep(0)
    feed.extend([3])
    await asyncio.sleep(0)
    feed.extend([4, 5])
    feed.close()
    assert await readers == [[1, 2, 3, 4, 5], [2, 3, 4, 5], [4, 5]]
    assert await read(0) == [1, 2, 3, 4, 5]


async def test_the_first_wanted_item_is_waited_for():
    feed: Feed[int] = Feed()
    waiter = asyncio.ensure_future(feed.first(lambda item: item > 2))
    await asyncio.sleep(0)
    feed.extend([1, 2])
    await asyncio.sleep(0)
    assert not waiter.done()
    feed.extend([3, 4])
    assert await waiter == 3


async def test_waiting_for_what_never_comes_ends_with_the_feed():
    feed: Feed[int] = Feed()
    waiter = asyncio.ensure_future(feed.first(lambda item: item > 2))
    await asyncio.sleep(0)
    feed.close()
    with pytest.raises(EOFError):
        await waiter
