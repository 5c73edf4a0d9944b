"""Who connects, asks and submits without end keeps neither the probes nor agent-server from being served."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from tests.integration.service.rounds import cloud_task, revoke
from translator.agent_server.api import create_app
from translator.agent_server.protocol import BATCH_PATH
from translator.service.connections import Connections, most_connections
from translator.service.http import serving
from translator.store import room
from translator.store.connect import connect
from translator.store.store import Store

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
SLOW = f"POST {BATCH_PATH} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n"
SLOW += "Content-Length: 9\r\n\r\n["


class Intake:
    """Takes nothing; only its batches of none are asked for."""


class Desk:
    """Answers no read before it is told to."""

    def __init__(self):
        self.go = asyncio.Event()
        self.reading = 0

    async def tasks(self, *_):
        self.reading += 1
        await self.go.wait()
        return [], None


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def served(desk):
    @asynccontextmanager
    async def serve(**limits):
        async with serving(create_app(Intake(), desk=desk), "127.0.0.1", 0, **limits) as url:
            yield url, lambda: asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))

    return serve


async def ended(reader):
    """All that comes until the other side ends the connection."""
    async with asyncio.timeout(5):
        with suppress(ConnectionError):
            return await reader.read()
        return b""


async def test_headers_have_a_time_limit_also_on_a_connection_that_was_kept(served):
    async with served(headers_s=0.2) as (_, dial):
        silent, half, kept = [await dial() for _ in range(3)]
        half[1].write(HEAD)
        kept[1].write(HEAD + b"\r\n")
        assert (await kept[0].readuntil(b'ok"}')).startswith(b"HTTP/1.1 200")
        kept[1].write(HEAD)
        for reader, writer in (silent, half, kept):
            assert await ended(reader) == b""
            writer.close()


async def test_whoever_comes_is_served_whatever_others_hold_open(served, http):
    """The oldest connections without a request make room, and the log says so once."""
    with capture_logs() as logs:
        async with served(connections=16) as (url, dial):
            held = [await dial() for _ in range(60)]
            for _, writer in held[::2]:
                writer.write(HEAD)
            for path in ("/healthz", "/readyz"):
                async with http.get(url + path) as answer:
                    assert answer.status == 200
            async with http.post(url + BATCH_PATH, json=[]) as answer:
                assert answer.status == 200
            assert await ended(held[0][0]) == b""
            for _, writer in held:
                writer.transport.abort()
    told = [log["event"] for log in logs if log["log_level"] == "warning"]
    assert told == ["too many connections: those without a request are closed, the oldest first"]


async def test_a_reserve_is_left_for_the_probes_and_agent_server(served, http):
    async with served(connections=16) as (url, dial):
        held = [await dial() for _ in range(20)]
        for _, writer in held:
            writer.write(SLOW.encode())
            await writer.drain()
        async with http.get(url + "/api/v1/tasks") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        for path in ("/healthz", "/readyz"):
            async with http.get(url + path) as answer:
                assert answer.status == 200
        async with http.post(url + BATCH_PATH, json=[]) as answer:
            assert answer.status == 200
        for _, writer in held:
            writer.transport.abort()


async def test_reads_are_bounded_and_wait_or_come_again(served, http, desk):
    async with served() as (url, _):
        reads = [asyncio.create_task(_raw_get(url)) for _ in range(300)]
        async with asyncio.timeout(20):
            while sum(read.done() for read in reads) < 172:
                await asyncio.wait([read for read in reads if not read.done()], return_when="FIRST_COMPLETED")
            async with http.get(url + "/healthz") as answer:
                assert answer.status == 200
        assert desk.reading == 16, "so many at a time"
        desk.go.set()
        answers = [await read for read in reads]
    assert [answer[:12] for answer in answers].count(b"HTTP/1.1 200") == 128
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 429")]
    assert len(refused) == 172
    assert all(b"retry-after: 1\r\n" in answer for answer in refused)


async def _raw_get(url):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"GET /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_readiness_waits_behind_no_reader(redis, valkey):
    """All the connections that readers have are busy."""
    async with AsyncExitStack() as stack:
        vital = connect(valkey.socket)
        stack.push_async_callback(vital.aclose)
        store = Store(redis, shards=4, keep_s=60, vital=vital)
        await store.open()
        reads = [asyncio.create_task(redis.blpop(["nothing"], 3)) for _ in range(40)]
        await asyncio.sleep(0.05)
        try:
            async with asyncio.timeout(1):
                await store.probe()
        finally:
            await redis_unblocked(vital, reads)


async def redis_unblocked(vital, reads):
    await vital.rpush("nothing", *range(len(reads)))
    await asyncio.gather(*reads)


async def test_a_redis_that_is_nearly_full_takes_no_new_task(round_, redis, http, monkeypatch):
    monkeypatch.setattr(room, "LOOK_S", 0.0)

    async def post(item):
        async with http.post(round_.url + BATCH_PATH, json=[item]) as answer:
            return answer.status, answer.headers.get("Retry-After"), await answer.json()

    assert (await post(cloud_task("t1", "sleep 30")))[0] == 200
    await redis.set("ballast", bytes(20_000_000))  # so that the last fifth has room for what goes on
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", int(used / 0.85))
    try:
        status, wait, told = await post(cloud_task("t2", "true"))
        assert (status, wait, told["error"]["code"]) == (429, "10", "no-room")
        assert "raise its maxmemory, or lower allLogBytes" in told["error"]["message"]
        # what is there already goes on
        assert (await post(revoke("t1")))[2][0]["outcome"] == "accepted"
        assert (await round_.outcome("t1"))["phase"] == "Cancelled"
        async with http.get(round_.url + "/readyz") as answer:
            assert answer.status == 200
    finally:
        await redis.config_set("maxmemory", 0)
    assert (await post(cloud_task("t2", "true")))[0] == 200


async def test_what_happens_often_is_told_once(monkeypatch):
    with capture_logs() as logs:
        limits = Connections(16)
        for _ in range(1000):
            limits.tell("it happens")
            context = {
                "message": "socket.accept() out of system resource",
                "exception": OSError(24, "EMFILE"),
            }
            limits.on_exception(asyncio.get_running_loop(), context)
        monkeypatch.setattr("translator.service.connections.TELL_S", 0.0)
        limits.tell("it happens")
    assert [(log["event"], log["before"]) for log in logs] == [
        ("it happens", 0),
        ("no connection can be taken: out of file descriptors", 0),
        ("it happens", 999),
    ]


def test_few_file_descriptors_leave_room_for_the_service_itself(monkeypatch):
    for soft, expected in ((1 << 20, 1000), (1024, 448), (256, 64), (100, 16)):
        monkeypatch.setattr("resource.getrlimit", lambda _, soft=soft: (soft, soft))
        assert most_connections(1000) == expected
