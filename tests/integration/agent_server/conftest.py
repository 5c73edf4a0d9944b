from __future__ import annotations

import asyncio
import contextlib
import socket

import aiohttp
import pytest
import uvicorn

from tests.unit.agent_server.link.frames import checked_frames
from translator.agent_server.api import create_app
from translator.agent_server.link.client import LinkClient
from translator.agent_server.protocol import Answer
from translator.agent_server.stand_in import StandIn

__all__ = ["checked_frames"]


class MemoryIntake:
    """Accepts everything; `trouble` is raised instead."""

    def __init__(self):
        self.items = []
        self.trouble = None
        self.refused = asyncio.Event()

    async def submit(self, items):
        if self.trouble:
            self.refused.set()
            raise self.trouble
        answers = []
        for item in items:
            known = any(item.task_id == held.task_id for held in self.items)
            answers.append(Answer(item.task_id, "duplicate" if known else "accepted"))
            if not known:
                self.items.append(item)
        return answers


class _Server(uvicorn.Server):
    """Stops when told; uvicorn's own loop looks every 0.1 s."""

    def __init__(self, config):
        super().__init__(config)
        self.told = asyncio.Event()

    async def main_loop(self):
        await self.on_tick(0)
        await self.told.wait()


@contextlib.asynccontextmanager
async def _serve(app):
    """Serve an ASGI app over a real socket, listening before the server is up so that nobody must wait."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            app,
            server_header=False,
            access_log=False,
            log_config=None,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.told.set()
            await task


@pytest.fixture
def intake():
    return MemoryIntake()


@pytest.fixture
async def serve_api(intake):
    """Serves the translator's API with the options given, and gives its URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**options):
            return await stack.enter_async_context(_serve(create_app(intake, **options)))

        yield start


@pytest.fixture
async def stand_in():
    async with StandIn() as served:
        yield served


@pytest.fixture
async def dial(stand_in, intake):
    """Links agents to the stand-in, with the options given."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(client_id="a", *, url=None, **options):
            options = {"timeout": 5, "jitter": lambda: 0.0, **options}
            link = LinkClient(f"{url or stand_in.link}?clientId={client_id}", **options)
            await stack.enter_async_context(link)
            link.start(intake)
            return link

        yield start


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session
