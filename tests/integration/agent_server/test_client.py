from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiohttp import web

from translator.agent_server.client import AgentServerClient
from translator.agent_server.protocol import EVENTS_PATH
from translator.agent_server.verdict import DENIED_PAUSE_S, DeniedError
from translator.errors import PermanentError, TemporaryError

EVENT = {
    "taskId": "t",
    "agentId": "a",
    "attempt": 1,
    "seq": 1,
    "time": "2026-01-01T00:00:00Z",
    "kind": "status",
    "phase": "Pending",
}
NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)


async def send(url, **options):
    async with AgentServerClient(url, **options) as client:
        return await client.send([EVENT])


async def test_a_batch_is_one_post(answering):
    seen = []

    async def handler(request):
        seen.append(
            (request.method, request.path, request.headers.get("Authorization"), await request.json())
        )
        return web.json_response({"held": [{"taskId": "t", "attempt": 1, "seq": 1}]})

    url = await answering(handler)
    assert await send(url) == {("t", 1): 1}
    assert await send(url + "/codo/", events_path="/in", token="sesam") == {("t", 1): 1}
    assert seen == [
        ("POST", EVENTS_PATH, None, {"events": [EVENT]}),
        ("POST", "/codo/in", "Bearer sesam", {"events": [EVENT]}),
    ]


async def test_a_session_that_is_given_is_used_and_left_open(stand_in, http):
    async with AgentServerClient(stand_in.url, session=http) as client:
        assert await client.send([{**EVENT, "phase": "Pending"}]) == {("t", 1): 1}
    assert not http.closed


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("Tue, 24 Nov 2026 02:00:09 GMT", 9.0), ("x", None)]
)
async def test_answers_that_ask_to_come_again(answering, status, header, seconds):
    async def handler(_):
        return web.Response(status=status, text="busy", headers={"Retry-After": header})

    url = await answering(handler)
    with pytest.raises(TemporaryError, match=f"{status}: busy") as caught:
        await send(url, now=lambda: NOW)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_answers_that_refuse(answering, status):
    async def handler(request):
        assert request.path == EVENTS_PATH
        return web.Response(status=status, text="no: " + "步" * 100_000, headers={"Location": "/elsewhere"})

    url = await answering(handler)
    with pytest.raises(PermanentError) as caught:
        await send(url)
    assert str(caught.value) == f"POST {url}{EVENTS_PATH} was answered {status}: no: " + "步" * 196


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404])
async def test_answers_that_deny_the_connection(answering, status):
    asked = []

    async def handler(request):
        asked.append(request.path)
        return web.Response(status=status, text="no", headers={"Location": "/elsewhere"})

    async with AgentServerClient(await answering(handler)) as client:
        for _ in range(3):
            with pytest.raises(DeniedError) as caught:
                await client.send([EVENT])
            assert 0 < caught.value.retry_after <= DENIED_PAUSE_S
        assert client.denied.startswith(f"POST {client.url} was answered {status}: no")
        assert ("(a redirect to '/elsewhere', which is not followed)" in client.denied) == (status < 400)
    assert asked == [EVENTS_PATH], "what was denied is not asked again at once, nor elsewhere"


async def test_who_is_let_in_by_a_later_answer_does_not_wait_for_the_pause(answering):
    came, denied = asyncio.Event(), asyncio.Event()
    asked = []

    async def handler(_):
        asked.append(1)
        if len(asked) == 2:
            return web.Response(status=403)
        came.set()
        await denied.wait()
        return web.json_response({"held": [{"taskId": "t", "attempt": 1, "seq": 1}]})

    async with AgentServerClient(await answering(handler)) as client:
        first = asyncio.create_task(client.send([EVENT]))
        await came.wait()
        with pytest.raises(DeniedError):
            await client.send([EVENT])
        denied.set()
        await first
        assert client.denied == ""
        assert await client.send([EVENT]) == {("t", 1): 1}


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"<html>", b"{}", b'{"held": 1}', b'{"held": [{"taskId": "t"}]}', b"\xff"]
)
async def test_a_2xx_that_acknowledges_nothing_readable_is_no_acknowledgement(answering, body):
    async def handler(_):
        return web.Response(body=body, headers={"Retry-After": "5"})

    url = await answering(handler)
    with pytest.raises(TemporaryError, match="answered 2xx, but") as caught:
        await send(url)
    assert caught.value.retry_after == 5


async def test_an_endless_answer_is_cut(answering):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    url = await answering(handler)
    with pytest.raises(TemporaryError, match="not JSON"):
        await send(url, timeout=20)


async def test_a_large_batch_goes_through(stand_in):
    events = [
        {**EVENT, "seq": seq, "kind": "log", "step": "s", "lines": ["步" * 1000]} for seq in range(1, 1501)
    ]
    for each in events:
        del each["phase"]
    async with AgentServerClient(stand_in.url) as client:
        assert await client.send(events) == {("t", 1): 1500}
    assert stand_in.ledger.kept == events


async def test_no_answer_in_time(answering):
    async def handler(_):
        await asyncio.Event().wait()

    url = await answering(handler)
    with pytest.raises(TemporaryError, match=r"no answer within 0\.1 s"):
        await send(url, timeout=0.1)


async def test_nobody_there(unused_tcp_port):
    with pytest.raises(
        TemporaryError, match=f"POST http://127.0.0.1:{unused_tcp_port}{EVENTS_PATH} failed: "
    ):
        await send(f"http://127.0.0.1:{unused_tcp_port}")


async def test_what_answers_is_no_http_server():
    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TemporaryError, match="failed: "):
            await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_a_connection_cut_in_mid_answer(answering):
    async def handler(request):
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"held": [')
        request.transport.abort()
        return response

    url = await answering(handler)
    with pytest.raises(TemporaryError, match="failed: "):
        await send(url)


async def test_cookies_are_not_kept(answering):
    seen = []

    async def handler(request):
        seen.append(dict(request.cookies))
        response = web.json_response({"held": []})
        response.set_cookie("route", "1")
        return response

    url = (await answering(handler)).replace("127.0.0.1", "localhost")
    async with AgentServerClient(url) as client:
        await client.send([EVENT])
        await client.send([EVENT])
    assert seen == [{}, {}]


async def test_an_address_that_is_none_is_refused_at_once():
    with pytest.raises(PermanentError, match="no address of an HTTP server"):
        AgentServerClient("agent-server:8080")


async def test_cancelling_a_call_is_no_error_of_agent_servers(answering):
    arrived = asyncio.Event()

    async def handler(_):
        arrived.set()
        await asyncio.Event().wait()

    url = await answering(handler)
    async with AgentServerClient(url) as client:
        call = asyncio.create_task(client.send([EVENT]))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
