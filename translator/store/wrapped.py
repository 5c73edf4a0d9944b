"""Redis' errors as ours: which of them may pass is decided here, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis import exceptions

from translator.errors import PermanentError, TemporaryError
from translator.store.script import FENCED
from translator.store.tenure import LostShardError

_PASSING = (
    exceptions.ConnectionError,  # BusyLoadingError and MaxConnectionsError too
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,  # a failover is under way
    exceptions.OutOfMemoryError,
    exceptions.ClusterError,
    exceptions.TryAgainError,
    OSError,
)
_PASSING_ANSWERS = (
    "LOADING",
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "OOM",
    "BUSY",
)
_REFUSALS = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)


def may_pass(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    # While connecting, redis-py raises what the server refuses as a ConnectionError of that.
    if isinstance(error, _REFUSALS) or isinstance(error.__cause__, _REFUSALS):
        return False
    return isinstance(error, _PASSING) or str(error).startswith(_PASSING_ANSWERS)


ANSWER_S = 10.0
"""Longer than the fsync of a busy disk, short enough to notice a server that hangs."""


@asynccontextmanager
async def wrapped(what: str) -> AsyncIterator[None]:
    """Wrap what Redis raises, and wait for it no longer than `ANSWER_S`.

    The client's own timeout is not used: it goes by asyncio.wait_for, which before Python 3.12 may swallow a
    cancellation.

    Args:
        what: what was tried, naming the task or the server.

    Raises:
        TemporaryError: Redis is away, mute, full, loading or failing over.
        PermanentError: Redis refuses the credentials or the command.
        LostShardError: the transaction is a shard's holder's, and another holds it.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except exceptions.RedisClusterException as e:  # no node answers, or not all slots have one
        raise TemporaryError(f"{what}: Redis: {e}") from e
    except (exceptions.RedisError, OSError) as e:
        if str(e).startswith(FENCED):
            raise LostShardError(f"{what}: another replica holds its shard") from e
        if may_pass(e):
            raise TemporaryError(f"{what}: Redis: {str(e) or 'no answer'}") from e
        raise PermanentError(
            f"{what}: Redis: {e}",
            reason="StoreRefused",
            remedy="check redisConfig (addr, password, db) and the user's permissions in Redis",
        ) from e
