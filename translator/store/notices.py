"""Messages between replicas: what was accepted here is another's to run, what changes there is watched here.

They only save time (Redis' publish and subscribe loses messages while a connection is away): whatever is not
told is found by the sweep, and by those who watch, when they look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisClusterException, RedisError

from translator.store.calls import Sign
from translator.store.keys import CHANGED
from translator.store.wrapped import wrapped

QUIET_S = 5.0
"""After so long without a message the connection is asked whether it lives; twice as long: it does not."""

PAUSE_S = 0.5
"""Between two connections that failed."""

SHARDS = "shards"
"""The kind of message that says: the leases or the replicas have changed."""

_log = structlog.get_logger()


class Notices:
    """One process's ear.

    Args:
        redis: the client.
        sign: of this process, whose own messages it does not hear, and the channel.

    Attributes:
        on_message: called with kind and taskId: ``accepted``, ``revoked``, ``replayed`` or `SHARDS`.
        on_changed: called with the taskId of a watched task that has changed, or may have.
        on_connected: called when messages come (again): those before may be lost.
    """

    def __init__(self, redis: Redis, sign: Sign) -> None:
        self._redis = redis
        self._sign = sign
        self._failures = 0
        self._watched: set[str] = set()
        self._wishes: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        self.on_message: Callable[[str, str], None] = lambda _kind, _task_id: None
        self.on_changed: Callable[[str], None] = lambda _: None
        self.on_connected: Callable[[], None] = lambda: None

    def watch(self, task_id: str) -> None:
        """From now on hear of the task's changes, wherever they are made."""
        self._watched.add(task_id)
        self._wishes.put_nowait((task_id, True))

    def unwatch(self, task_id: str) -> None:
        """Undo `watch`."""
        self._watched.discard(task_id)
        self._wishes.put_nowait((task_id, False))

    async def tell(self, kind: str) -> None:
        """Tell the other replicas something.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        async with wrapped("tell the other replicas"):
            await self._redis.publish(self._sign.channel, f"{self._sign.origin} {kind} ")

    async def run(self) -> None:
        """Listen, until cancelled."""
        while True:
            pubsub = self._redis.pubsub()
            try:
                await self._listen(pubsub)
            except (RedisError, RedisClusterException, OSError) as error:
                self._failures += 1
                if self._failures & (self._failures - 1) == 0:
                    _log.warning("cannot hear the other replicas", error=str(error), failures=self._failures)
            finally:
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py says no types
            await asyncio.sleep(PAUSE_S)

    async def _listen(self, pubsub: Any) -> None:
        self._wishes = asyncio.Queue()
        await pubsub.subscribe(self._sign.channel, *(CHANGED + task_id for task_id in self._watched))
        wishing = asyncio.create_task(self._subscribe(pubsub), name="subscriptions")
        quiet = 0
        try:
            while True:
                message = await pubsub.get_message(timeout=QUIET_S)
                if message is not None:
                    quiet = 0
                    self._hear(message)
                    continue
                quiet += 1
                if quiet > 1:
                    raise ConnectionError("the connection is mute")
                await pubsub.ping()
        finally:
            wishing.cancel()
            await asyncio.gather(wishing, return_exceptions=True)

    async def _subscribe(self, pubsub: Any) -> None:
        """Beside the reading, as it is what is waited for."""
        while True:
            task_id, wanted = await self._wishes.get()
            if wanted != (task_id in self._watched):
                continue  # a later wish undoes it
            await (pubsub.subscribe if wanted else pubsub.unsubscribe)(CHANGED + task_id)

    def _hear(self, message: dict[str, Any]) -> None:
        channel = (message["channel"] or b"").decode()
        if message["type"] == "subscribe":
            if channel == self._sign.channel:
                self._failures = 0
                self.on_connected()
            else:
                # what changed before it was heard
                self.on_changed(channel.removeprefix(CHANGED))
        elif message["type"] == "message" and channel != self._sign.channel:
            self.on_changed(channel.removeprefix(CHANGED))
        elif message["type"] == "message":
            origin, _, rest = message["data"].decode().partition(" ")
            kind, _, task_id = rest.partition(" ")
            if origin != self._sign.origin:
                self.on_message(kind, task_id)
