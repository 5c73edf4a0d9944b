"""The link over real sockets: broken at every stage, slow, silent, replaced."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from structlog.testing import capture_logs

from tests.integration.agent_server.test_transports import TASK, WHOLE, event, whole
from tests.unit.agent_server.link.frames import check
from translator.agent_server.faults import Fault
from translator.agent_server.link import machine
from translator.agent_server.link.client import LinkClient
from translator.agent_server.protocol import BATCH_PATH, CALL_PATH
from translator.agent_server.stand_in import StandIn
from translator.errors import PermanentError, TemporaryError

HELLO = {
    "type": "hello", "version": 1, "software": "scripted", "capabilities": ["tasks", "events", "calls"],
    "heartbeatSeconds": 30, "rowLimit": 1000, "window": {"events": 100, "bytes": 100000}, "held": [],
}  # fmt: skip


class Scripted:
    """A server that answers a connection by a script, the next one by the next."""

    def __init__(self):
        self.scripts = []
        self.frames = []
        self.over = asyncio.Event()

    async def serve(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        script = self.scripts.pop(0)

        async def hear(wanted):
            while True:
                message = await socket.receive()
                if message.type is not WSMsgType.TEXT:
                    return message
                self.frames.append(check(message.data, by_server=False))
                if self.frames[-1]["type"] == wanted:
                    return self.frames[-1]

        async def say(**frame):
            await socket.send_str(json.dumps(frame))

        def cut():
            if request.transport is not None:
                request.transport.abort()

        await script(hear, say, cut)
        self.over.set()
        return socket

    def of(self, kind):
        return [frame for frame in self.frames if frame["type"] == kind]


@pytest.fixture
async def scripted(serve_web):
    made = Scripted()
    app = web.Application()
    app.router.add_get("/link", made.serve)
    made.url = f"ws{(await serve_web(app)).removeprefix('http')}/link"
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Dial again after milliseconds."""
    monkeypatch.setattr("translator.agent_server.link.agent.FIRST_PAUSE_S", 0.005)


async def well(hear, say, cut):
    """Take everything there is."""
    hello = await hear("hello")
    held = [{**row, "seq": 0} for row in hello["open"]]
    await say(**{**HELLO, "held": held})
    while isinstance(frame := await hear("events"), dict):
        last = frame["events"][-1]
        rows = [{"taskId": last["taskId"], "attempt": last["attempt"], "seq": last["seq"]}]
        await say(type="held", held=rows)


async def cut_before_hello(hear, say, cut):
    cut()


async def cut_after_hello(hear, say, cut):
    await hear("hello")
    cut()


async def cut_when_open(hear, say, cut):
    await hear("hello")
    await say(**HELLO)
    cut()


async def cut_at_events(hear, say, cut):
    await hear("hello")
    await say(**HELLO)
    await hear("events")
    cut()


async def nonsense(hear, say, cut):
    await hear("hello")
    await say(type="held")
    assert (await hear("nothing")).data == 4400


async def half_a_hello(hear, say, cut):
    await hear("hello")
    await say(type="hello", version=1)
    assert (await hear("nothing")).data == 4400


async def a_later_version(hear, say, cut):
    await hear("hello")
    await say(**{**HELLO, "version": 2})
    assert (await hear("nothing")).data == 4406


@pytest.mark.parametrize(
    "stage",
    [
        cut_before_hello,
        cut_after_hello,
        cut_when_open,
        cut_at_events,
        nonsense,
        half_a_hello,
        a_later_version,
    ],
)
async def test_broken_at_any_stage_it_is_dialled_again(scripted, dial, stage):
    scripted.scripts[:] = [stage, stage, well]
    link = await dial(url=scripted.url)
    assert await link.send(WHOLE) == {("t", 1): 3}
    assert scripted.scripts == []


async def test_what_the_server_holds_is_not_sent_again(scripted, dial):
    async def keep_two_and_die(hear, say, cut):
        await cut_at_events(hear, say, cut)

    async def hold_two(hear, say, cut):
        hello = await hear("hello")
        assert hello["open"] == [{"taskId": "t", "attempt": 1, "seq": 3}]
        await say(**{**HELLO, "held": [{"taskId": "t", "attempt": 1, "seq": 2}]})
        assert [each["seq"] for each in (await hear("events"))["events"]] == [3]
        await say(type="held", held=[{"taskId": "t", "attempt": 1, "seq": 3}])
        await hear("nothing")

    scripted.scripts[:] = [keep_two_and_die, hold_two]
    link = await dial(url=scripted.url)
    assert await link.send(WHOLE) == {("t", 1): 3}


async def test_a_server_that_died_after_keeping_gets_nothing_twice(scripted, dial):
    async def holds_all(hear, say, cut):
        await hear("hello")
        await say(**{**HELLO, "held": [{"taskId": "t", "attempt": 1, "seq": 3}]})
        await hear("nothing")

    scripted.scripts[:] = [cut_at_events, holds_all]
    link = await dial(url=scripted.url)
    assert await link.send(WHOLE) == {("t", 1): 3}
    assert len(scripted.of("events")) == 1


async def test_the_window_holds_where_the_server_is_slow(scripted, dial):
    full, answer = asyncio.Event(), asyncio.Event()

    async def slow(hear, say, cut):
        await hear("hello")
        await say(**{**HELLO, "window": {"events": 6, "bytes": 100000}})
        for _ in range(2):
            await hear("events")
        full.set()
        await answer.wait()
        for frame in scripted.of("events"):
            last = frame["events"][-1]
            await say(type="held", held=[{"taskId": last["taskId"], "attempt": 1, "seq": last["seq"]}])
        while isinstance(frame := await hear("events"), dict):
            last = frame["events"][-1]
            await say(type="held", held=[{"taskId": last["taskId"], "attempt": 1, "seq": last["seq"]}])

    scripted.scripts[:] = [slow]
    link = await dial(url=scripted.url)
    sends = [asyncio.create_task(link.send(whole(f"t{number}"))) for number in range(8)]
    await full.wait()
    assert link._link.in_flight[0] == 6
    assert len(scripted.of("events")) == 2
    answer.set()
    assert await asyncio.gather(*sends) == [{(f"t{number}", 1): 3} for number in range(8)]


async def test_a_server_that_falls_silent_is_left(scripted, dial):
    async def silent(hear, say, cut):
        await hear("hello")
        await say(**{**HELLO, "heartbeatSeconds": 0.01})
        assert (await hear("nothing")).data == 4408

    scripted.scripts[:] = [silent, well]
    link = await dial(url=scripted.url)
    await link.opened()
    assert await link.send(WHOLE) == {("t", 1): 3}


async def test_an_agent_that_falls_silent_is_hung_up_on(stand_in, http):
    async with http.ws_connect(f"{stand_in.link}?clientId=a") as socket:
        hello = {**HELLO, "clientId": "a", "bizId": "", "open": [], "heartbeatSeconds": 0.01}
        await socket.send_str(json.dumps(hello))
        assert (await socket.receive_json())["type"] == "hello"
        assert (await socket.receive()).data == 4408


async def test_an_idle_agent_says_that_it_lives(scripted, dial):
    async def listen(hear, say, cut):
        await hear("hello")
        await say(**HELLO)
        for _ in range(3):
            await hear("heartbeat")

    scripted.scripts[:] = [listen, well]
    await dial(url=scripted.url, heartbeat=0.01)
    await scripted.over.wait()
    assert [frame["type"] for frame in scripted.frames] == ["hello", "heartbeat", "heartbeat", "heartbeat"]


async def test_an_idle_server_says_that_it_lives(http):
    async with StandIn(heartbeat=0.01) as served, http.ws_connect(f"{served.link}?clientId=a") as socket:
        await socket.send_str(json.dumps({**HELLO, "clientId": "a", "bizId": "", "open": []}))
        said = [(await socket.receive_json())["type"] for _ in range(4)]
        assert said == ["hello", "heartbeat", "heartbeat", "heartbeat"]


async def test_a_frame_has_no_more_lines_than_the_server_wants(scripted, dial):
    async def wants_few(hear, say, cut):
        await hear("hello")
        await say(**{**HELLO, "rowLimit": 4})
        while isinstance(frame := await hear("events"), dict):
            last = frame["events"][-1]
            await say(type="held", held=[{"taskId": "t", "attempt": 1, "seq": last["seq"]}])

    scripted.scripts[:] = [wants_few]
    link = await dial(url=scripted.url, row_limit=100)
    events = [event(seq, "log", step="s", lines=["x"] * 2) for seq in range(1, 6)]
    assert await link.send(events) == {("t", 1): 5}
    assert [len(frame["events"]) for frame in scripted.of("events")] == [2, 2, 1]


async def test_an_agent_that_dials_in_again_replaces_itself(stand_in, dial):
    first = await dial()
    await first.opened()
    second = await dial()
    await second.opened()
    assert await second.send(WHOLE) == {("t", 1): 3}


async def test_tasks_wait_for_the_agent_they_name(stand_in, dial, intake, http):
    async with http.post(stand_in.url + BATCH_PATH, json=[TASK, {**TASK, "taskId": "t2", "agentId": "b"}]):
        pass
    await dial("b")
    assert (await stand_in.answer("t2"))["outcome"] == "accepted"
    assert [item.task_id for item in intake.items] == ["t2"]
    await dial("a")
    assert (await stand_in.answer("t1"))["outcome"] == "accepted"


async def test_tasks_are_handed_over_again_where_the_answer_was_lost(stand_in, dial, intake, http):
    stored = asyncio.Event()
    submit = intake.submit

    async def slow(items):
        answers = await submit(items)
        if not stored.is_set():
            stored.set()
            link._dialler._connection._socket._response.connection.transport.abort()
        return answers

    intake.submit = slow
    link = await dial()
    async with http.post(stand_in.url + BATCH_PATH, json=[TASK]):
        pass
    assert await stand_in.answer("t1") == {"taskId": "t1", "outcome": "duplicate"}
    assert len(intake.items) == 1


async def test_calls_go_both_ways(stand_in, dial, intake, http):
    link = await dial()
    await link.opened()
    call = {"TaskID": "t9", "AgentID": "a", "TaskType": "CloudTask", "args": {}}
    async with http.post(stand_in.url + CALL_PATH, json=call) as answer:
        assert await answer.json() == {"taskId": "t9", "outcome": "accepted"}
    async with http.post(stand_in.url + CALL_PATH, json={**call, "AgentID": "nobody"}) as answer:
        assert answer.status == 503
    async with http.post(stand_in.url + CALL_PATH, json={**call, "TaskType": "x"}) as answer:
        assert (await answer.json())["outcome"] == "rejected"
    intake.trouble = TemporaryError("Redis is away")
    async with http.post(stand_in.url + CALL_PATH, json=call) as answer:
        assert (answer.status, (await answer.json())["error"]["message"]) == (
            503,
            "call codo/call: Redis is away",
        )
    with pytest.raises(PermanentError, match="no method nothing"):
        await link.call("nothing")


async def test_a_call_that_takes_too_long_ends(scripted, dial):
    async def deaf(hear, say, cut):
        await hear("hello")
        await say(**HELLO)
        await hear("nothing")

    scripted.scripts[:] = [deaf]
    link = await dial(url=scripted.url)
    with pytest.raises(TemporaryError, match="not open"):
        await link.call("any")
    await link.opened()
    with pytest.raises(TemporaryError, match="no reply came in time"):
        await link.call("any", timeout=0.01)
    call = asyncio.create_task(link.call("any"))
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(TemporaryError, match="link was lost"):
        await call


async def test_a_wrong_token_is_said_and_tried_again(intake):
    async with StandIn(token="sesam") as served:
        async with LinkClient(f"{served.link}?clientId=a", token="other", timeout=0.1) as link:
            link.start(intake)
            with pytest.raises(TemporaryError, match="401; check agent-server's address"):
                await link.send(WHOLE)
        async with LinkClient(f"{served.link}?clientId=a", token="sesam", timeout=5) as link:
            link.start(intake)
            assert await link.send(WHOLE) == {("t", 1): 3}


async def test_a_link_that_is_closed_lets_nobody_wait(scripted, dial):
    link = await dial(url=scripted.url.replace("/link", "/nothing"))
    send = asyncio.create_task(link.send(WHOLE))
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(TemporaryError, match="was closed here"):
        await send
    assert link._link.kept == 0


async def test_a_link_that_was_open_is_told_of_each_time_it_is_lost(scripted, dial):
    async def leaves_when_open(hear, say, cut):
        await hear("hello")
        await say(**HELLO)

    scripted.scripts = [leaves_when_open, leaves_when_open, well]
    with capture_logs() as logs:
        link = await dial(url=scripted.url)
        await link.send(WHOLE)
    told = [each["event"] for each in logs if each["event"] in ("link open", "link lost")]
    assert told == ["link open", "link lost"] * 2 + ["link open"]


async def test_without_a_name_nobody_dials_in(stand_in, http):
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(stand_in.link)
    assert caught.value.status == 400


@pytest.mark.parametrize("say", [b"\x00", "x", "[]", '{"type": "events", "events": []}'], ids=repr)
async def test_what_is_no_frame_ends_the_connection_and_nothing_else(stand_in, dial, http, say):
    link = await dial("good")
    await link.opened()
    async with http.ws_connect(f"{stand_in.link}?clientId=bad") as socket:
        hello = {**HELLO, "clientId": "bad", "bizId": "", "open": []}
        await socket.send_str(json.dumps(hello))
        await socket.receive()
        await (socket.send_bytes(say) if isinstance(say, bytes) else socket.send_str(say))
        assert (await socket.receive()).data == machine.MALFORMED
    assert await link.send(WHOLE) == {("t", 1): 3}


async def test_an_agent_that_ignores_the_window_is_hung_up_on(stand_in, http):
    stand_in.faults.add(Fault(delay=60))
    async with http.ws_connect(f"{stand_in.link}?clientId=bad") as socket:
        await socket.send_str(json.dumps({**HELLO, "clientId": "bad", "bizId": "", "open": []}))
        window = (await socket.receive_json())["window"]["events"]
        for number in range(3):
            events = [event(seq, task=f"t{number}", phase="Running") for seq in range(1, window)]
            with contextlib.suppress(ConnectionError):
                await socket.send_str(json.dumps({"type": "events", "events": events}))
        assert (await socket.receive()).data == machine.OVER_WINDOW


async def test_a_fault_of_ours_ends_the_connection_not_the_link(scripted, dial, monkeypatch):
    scripted.scripts[:] = [well, well]
    link = await dial(url=scripted.url)
    act, failed = link._dialler._act, []

    def fails_once(action):
        if not failed:
            failed.append(action)
            raise RuntimeError("a fault")
        act(action)

    link._dialler._act = fails_once
    assert await link.send(WHOLE) == {("t", 1): 3}
    assert len(failed) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_told_once(serve_web, status):
    """Whoever a hostile agent-server points to gets no hello, no token and no event."""
    reached, again = [], asyncio.Event()

    async def elsewhere(request):
        reached.append(request.headers.get("Authorization"))
        return web.Response()

    asked = []

    async def redirect(request):
        asked.append(request.path)
        if len(asked) == 3:
            again.set()
        return web.Response(status=status, headers={"Location": target})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", elsewhere)
    target = (await serve_web(app)).replace("127.0.0.1", "localhost") + "/link?clientId=a"
    app = web.Application()
    app.router.add_get("/link", redirect)
    url = f"ws{(await serve_web(app)).removeprefix('http')}/link?clientId=a"
    with capture_logs() as logs:
        async with asyncio.timeout(10), LinkClient(url, token="sesam", jitter=lambda: 0.0) as link:
            link.start(None)
            await again.wait()
            assert link.denied.startswith(
                f"link {url}: the request for a WebSocket was answered {status} (a re"
            )
            assert target in link.denied
    assert reached == []
    told = [log["event"] for log in logs]
    assert told == ["agent-server denies the link: events wait", "link lost"]
