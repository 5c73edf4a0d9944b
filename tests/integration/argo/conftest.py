"""A fake API server on loopback, a client of it, and a pace that does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.argo.fake_api import FakeApi
from translator.engine.argo.client import ApiServer
from translator.engine.argo.watching import Pace


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    server = FakeApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def api(fake: FakeApi) -> AsyncIterator[ApiServer]:
    from kubernetes.aio.client import Configuration

    client = ApiServer(Configuration(host=fake.url), request_timeout=5)
    await client.open()
    yield client
    await client.close()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def pace(slept: list[float]) -> Pace:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await (asyncio.Event().wait() if seconds > 100 else asyncio.sleep(0))

    return Pace(sleep=sleep, uniform=lambda low, high: high)
