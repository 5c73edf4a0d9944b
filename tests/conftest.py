"""Fixtures that many parts of the suite share."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from translator.store.connect import connect
from translator.store.embedded import Embedded
from translator.store.store import Store

# how fast examples are made depends on what else the machine does
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--refresh``, for the tests that compare with a file, and ``--freeze``, for what a release stores."""
    parser.addoption("--refresh", action="store_true", help="write the expected files anew, then compare")
    parser.addoption("--freeze", metavar="VERSION", help="keep what today's code stores as that version's")


def pytest_xdist_auto_num_workers() -> int:
    """``--numprocesses=auto``: twice the processors, as tests wait for other processes half of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test sets up of the log, by a command or by itself, ends with the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Embedded]:
    """A real Valkey for the whole session; use `redis`, which empties it."""
    server = Embedded()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: Embedded) -> AsyncIterator[Redis]:
    """A client of an empty Valkey."""
    client = connect(valkey.socket)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Redis) -> Store:
    """A store in an empty Valkey."""
    return Store(redis, shards=4, keep_s=60)
