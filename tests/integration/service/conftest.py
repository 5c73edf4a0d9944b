"""A whole round on loopback: stand-in, service with its API, local engine, real Valkey."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from jsonschema import ValidationError

from tests.integration.service.rounds import Round
from tests.unit.agent_server.link.frames import check_event
from translator.agent_server.api import create_app
from translator.agent_server.client import AgentServerClient
from translator.agent_server.ledger import Ledger
from translator.agent_server.stand_in import StandIn
from translator.engine.local.engine import LocalEngine
from translator.service.assembly import assemble
from translator.service.http import serving
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.workflow.options import Options


class CheckedLedger(Ledger):
    """Checks each event that comes with the JSON Schema, whichever way it comes."""

    def __init__(self):
        super().__init__()
        self.faults = []

    def take(self, events):
        listed = list(events)
        for event in listed:
            try:
                check_event(event)
            except ValidationError as error:
                # agent-server's part would only answer an error, and the service try again
                self.faults.append(f"{error.message}: {event}")
        return super().take(listed)


@pytest.fixture
async def stand_in():
    """Agent-server; a test that lets it come back hands its ledger over to the next one."""
    ledger = CheckedLedger()
    async with StandIn() as served:
        served.ledger = ledger
        yield served
    assert ledger.faults == []


@pytest.fixture
async def engine(tmp_path):
    made = LocalEngine(root=tmp_path / "runs", bubblewrap=False, grace=0.5)
    yield made
    await made.close()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def start_round(store, stand_in, engine, http):
    """Start a service; everything but the engine and the agent-server address may be given."""

    @asynccontextmanager
    async def start(
        *, engine=engine, server=None, store=store, sweep_seconds=0.2, flush_seconds=0.5, **options
    ):
        async with AsyncExitStack() as stack:
            timeout = options.pop("timeout", 5.0)
            sender = AgentServerClient(server or stand_in.url, timeout=timeout, denied_pause=0.05)
            stack.push_async_callback(sender.close)
            service = assemble(
                store,
                engine,
                sender,
                Translation(Options(shards=4), load_template()),
                sweep_seconds=sweep_seconds,
                flush_seconds=flush_seconds,
                **options,
            )
            await service.start()
            stack.push_async_callback(service.stop)
            app = create_app(service, ready=service.ready, desk=service.desk)
            url = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
            yield Round(service, url, store, stand_in, http)

    return start


@pytest.fixture
async def round_(start_round):
    """A service in front of the stand-in."""
    async with start_round() as started:
        yield started


@pytest.fixture
def serve(redis, valkey, tmp_path):
    """Start ``translator serve`` as a process; it is killed at the end where it still runs."""

    @asynccontextmanager
    async def served(name, agent_server, **settings):
        environment = {
            "TRANSLATOR_REDIS__ADDR": f"unix://{valkey.socket}",
            "TRANSLATOR_REPLICA_NAME": name,
            "TRANSLATOR_SHARDS": "8",
            "TMPDIR": str(tmp_path),
            **{f"TRANSLATOR_{key.upper()}": str(value) for key, value in settings.items()},
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "translator", "serve", "--listen", "127.0.0.1:0",
            "--agent-server", agent_server, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment},
        )  # fmt: skip
        reading = None
        try:
            async with asyncio.timeout(40):
                while not (
                    found := re.search(rb"listening on (\S+)", line := await process.stderr.readline())
                ):
                    assert line, "it ended"
            reading = asyncio.create_task(process.stderr.read())
            yield process, found[1].decode()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            await process.wait()
            if reading is not None:
                sys.stderr.write((await reading).decode())

    return served
