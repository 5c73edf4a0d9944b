"""Requests to agent-server stay below what a proxy before it takes, whatever is printed."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from tests.integration.service.rounds import cloud_task
from tests.integration.store.samples import NOW, accepted, state
from translator.agent_server.client import AgentServerClient
from translator.agent_server.faults import Fault
from translator.agent_server.ledger import Ledger
from translator.agent_server.link.client import LinkClient
from translator.agent_server.protocol import BATCH_PATH
from translator.observe.event import NOT_SENT, Event, Kind, Phase
from translator.observe.lines import CUT
from translator.service.deliver import Deliverer
from translator.service.request import RequestLimit
from translator.store.store import Store

CONTROL = "head -c 400000 /dev/zero | tr '\\0' '\\1' | fold -b -w 1000"
QUOTES = "head -c 900000 /dev/zero | tr '\\0' '\"' | fold -b -w 3000"
EMOJI = """awk 'BEGIN{for(i=0;i<400;i++){s="";for(j=0;j<250;j++)s=s "\\360\\237\\230\\200";print s}}'"""
LONG = "for c in a b c; do head -c 500000 /dev/zero | tr '\\0' $c; echo; done"
HUGE = "head -c 500000 /dev/zero | tr '\\0' '\\1'; echo; echo after"

PRINTED = {
    CONTROL: ["\x01" * 1000] * 400,
    QUOTES: ['"' * 3000] * 300,
    EMOJI: ["😀" * 250] * 400,
    LONG: [character * 500_000 for character in "abc"],
    HUGE: ["\x01" * 500_000, "after"],
}


class Proxy:
    """Passes requests on, but for those with too large a body."""

    def __init__(self, limit):
        self.limit = limit
        self.sizes = []
        self.refused = 0
        self.to = ""

    async def handle(self, request):
        body = await request.read()
        self.sizes.append(len(body))
        if len(body) > self.limit:
            self.refused += 1
            return web.Response(status=413, text="<html>413 Request Entity Too Large</html>")
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, self.to + request.path_qs, data=body, headers=HEADERS) as answer,
        ):
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )


HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
async def proxy(serve_web, stand_in):
    """Before the stand-in; its `url` is where it listens."""
    made = Proxy(1024 * 1024)
    made.to = stand_in.url
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", made.handle)
    made.url = await serve_web(app)
    return made


def joined(told):
    """The lines that were printed: what is cut is put together."""
    whole, rest = [], ""
    for line in told:
        if line.endswith(CUT):
            rest += line.removesuffix(CUT)
        else:
            whole.append(rest + line)
            rest = ""
    return whole


@pytest.mark.parametrize("script", PRINTED, ids=["control", "quotes", "emoji", "long", "huge"])
async def test_every_line_and_the_final_come_through_a_proxy_that_takes_1_mb(start_round, proxy, script):
    async with start_round(server=proxy.url, limit=RequestLimit(960_000)) as round_:
        await round_.post(cloud_task("t1", script))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert joined(round_.lines("t1")) == PRINTED[script]
    assert max(proxy.sizes) <= 960_000
    assert proxy.refused == 0
    # what is sent for 1.2 to 2.4 MB is not many small requests
    assert len(proxy.sizes) < 25


async def test_a_proxy_that_takes_less_than_is_set_loses_at_most_what_was_made_before_it_said_so(
    start_round, proxy, store
):
    proxy.limit = 200_000
    script = f"{QUOTES}; echo; sleep 1; {QUOTES}"
    async with start_round(server=proxy.url, limit=RequestLimit(960_000)) as round_:
        await round_.post(cloud_task("t1", script))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        gaps = [each for each in round_.stand_in.ledger.kept if each["kind"] == "gap"]
        lines = round_.lines("t1")
        assert {gap["why"] for gap in gaps} == {NOT_SENT}
        assert len(lines) + sum(gap["missing"] for gap in gaps) == 600
        assert len(lines) >= 300, "the second half was made to suit the proxy"
        assert not (await store.load("t1")).parked
        # what was lost to agent-server is there for who asks the translator
        async with round_._http.get(f"{round_.url}/api/v1/tasks/t1/logs?limit=1000") as answer:
            assert (await answer.text()).count('\\"' * 3000) == 600


def log(seq, *lines):
    return Event("t1", "agent", 1, seq, NOW, Kind.LOG, {"step": "a", "lines": list(lines)})


def final(seq, steps, message):
    rows = [{"name": f"s{n}", "phase": "Failed", "exitCode": 1, "message": message} for n in range(steps)]
    body = {"phase": "Failed", "reason": "StepFailed", "message": message, "steps": rows}
    return Event("t1", "agent", 1, seq, NOW, Kind.STATUS, body)


async def deliver(store, url, limit, link=""):
    sender = AgentServerClient(url) if not link else LinkClient(link, max_bytes=limit)
    if link:
        sender.start(None)
    deliverer = Deliverer(store, sender, row_limit=1000, parallel=2, limit=RequestLimit(limit))
    deliverer.wake("t1")
    async with asyncio.timeout(20):
        await deliverer.idle()
    await deliverer.stop()
    await sender.close()


@pytest.mark.parametrize("by", ["setting", "413", "link"])
async def test_a_stored_event_that_cannot_be_sent_is_told_as_a_gap_and_statuses_go_on(
    store, proxy, stand_in, by
):
    """The limit was lowered after the events had been stored with their numbers."""
    record = await accepted(store, "t1")
    events = [
        log(2, "before"), log(3, *[character * 90_000 for character in "abc"]), log(4, "after"),
        final(5, 300, "long" * 500),
    ]  # fmt: skip
    await store.append(record, state("t1", 5, Phase.FAILED), events)
    proxy.limit = 150_000
    limit = 960_000 if by == "413" else 150_000
    await deliver(store, proxy.url, limit, f"{stand_in.link}?clientId=c1" if by == "link" else "")

    told = stand_in.ledger.events("t1", 1)
    assert [each["seq"] for each in told] == [1, 2, 3, 4, 5]
    assert told[2] == {**IDS, "seq": 3, "kind": "gap", "step": "a", "why": NOT_SENT, "missing": 3}
    assert [told[1]["lines"], told[3]["lines"]] == [["before"], ["after"]]
    assert (told[4]["phase"], len(told[4]["steps"])) == ("Failed", 300)
    record = await store.load("t1")
    assert (record.acked, record.parked) == ((1, 5), "")
    if by != "413":
        assert proxy.refused == 0
    # the translator's own API has all of it
    stored = [json.loads(each.text) for each in await store.events("t1", (0, 0), 9)]
    assert stored[1:] == [each.as_json() for each in events]


async def test_what_is_told_in_the_place_of_an_event_stays_the_same(store, proxy, stand_in):
    """Its answer may have been lost, and the next process sends it again."""
    record = await accepted(store, "t1")
    await store.append(record, state("t1", 3), [log(2, "x" * 300_000), log(3, "after")])
    proxy.limit = 150_000
    stand_in.faults.add(Fault(), Fault(drop="after"))
    await deliver(store, proxy.url, 150_000)
    kept = await store.load("t1")
    assert kept.acked == (1, 3)
    assert stand_in.ledger.violations == []


async def test_a_gap_of_its_number_is_durable_before_it_is_sent(store, redis):
    record = await accepted(store, "t1")
    await store.append(record, state("t1", 3), [log(2, "x" * 300_000), log(3, "after")])
    await store.shorten("t1", 1, 2, {**IDS, "seq": 2, "kind": "gap", "step": "a", "why": NOT_SENT})
    again = Store(redis, shards=4, keep_s=60)
    first, second, third = await again.outbox("t1", 9)
    assert json.loads(second.text)["kind"] == "gap"
    assert second.size > 300_000, "what the stored one has, or a request could hold more than stays in Redis"
    await again.acknowledge("t1", 1, 2)
    assert [each.seq for each in await again.outbox("t1", 9)] == [3]
    # one that agent-server holds is forgotten with the next
    await again.shorten("t1", 1, 3, json.loads(third.text))
    [shortened] = [json.loads(value) for name, value in (await fields(redis)).items() if name == b"shortened"]
    assert list(shortened) == ["1-3"]
    del first


async def fields(redis):
    [key] = [key async for key in redis.scan_iter("*:task:t1")] or [
        key async for key in redis.scan_iter("*t1*") if await redis.type(key) == b"hash"
    ]
    return await redis.hgetall(key)


@pytest.mark.parametrize("point", ["before-shorten", "after-shorten"])
async def test_a_service_that_dies_beside_the_shortening_says_the_same_afterwards(
    serve, proxy, stand_in, http, point
):
    proxy.limit = 100_000
    script = "head -c 150000 /dev/zero | tr '\\0' x; echo; sleep 60"
    async with serve("a", proxy.url, crash_at=point) as (process, url):
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", script)]) as answer:
            assert answer.status == 200
        async with asyncio.timeout(30):
            assert await process.wait() == -signal.SIGKILL
    async with serve("a", proxy.url):
        async with asyncio.timeout(30):
            assert (await stand_in.final("t1"))["reason"] == "RunnerLost"
    gaps = [each for each in stand_in.ledger.kept if each["kind"] == "gap"]
    assert (gaps[0]["why"], gaps[0]["missing"]) == (NOT_SENT, 1)
    assert stand_in.ledger.violations == []


async def test_a_small_request_that_is_refused_as_too_large_is_parked(store, proxy):
    """Its size cannot be what is wrong."""
    record = await accepted(store, "t1")
    await store.append(record, state("t1", 3), [log(2, "one"), log(3, "two")])
    proxy.limit = 10
    await deliver(store, proxy.url, 960_000)
    kept = await store.load("t1")
    assert "413" in kept.parked
    assert kept.acked == (0, 0)


async def test_tasks_that_share_a_request_are_parted_until_it_is_taken(store, proxy, stand_in):
    proxy.limit = 60_000
    for number in range(6):
        record = await accepted(store, f"t{number}")
        one = replace(log(2, "x" * 40_000), task_id=f"t{number}")
        await store.append(record, state(f"t{number}", 2), [one])
    sender = AgentServerClient(proxy.url)
    deliverer = Deliverer(store, sender, row_limit=1000, parallel=2, linger_s=0.1)
    for number in range(6):
        deliverer.wake(f"t{number}")
    async with asyncio.timeout(20):
        await deliverer.idle()
    await deliverer.stop()
    await sender.close()
    assert proxy.refused >= 1
    assert all(stand_in.ledger.held(f"t{number}", 1) == 2 for number in range(6))


async def test_a_question_about_many_attempts_is_several_requests(proxy, stand_in):
    stand_in._collection.hand_out(f"{'t' * 240}{number}" for number in range(0, 1000, 2))
    attempts = [(f"{'t' * 240}{number}", 1) for number in range(1000)]
    async with AgentServerClient(proxy.url, max_bytes=100_000) as client:
        known = await client.known(attempts)
    assert len(known) == 500
    assert max(proxy.sizes) <= 100_000
    assert len(proxy.sizes) > 1


async def test_a_link_is_not_broken_by_an_agent_server_that_takes_smaller_frames(store, serve_web):
    """Its WebSocket library closes the connection with 1009."""
    sizes = []
    ledger = Ledger()

    async def serve(request):
        socket = web.WebSocketResponse(max_msg_size=100_000)
        await socket.prepare(request)
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            frame = json.loads(message.data)
            sizes.append(len(message.data))
            if frame["type"] == "hello":
                await socket.send_str(HELLO)
            elif frame["type"] == "events":
                ledger.take(frame["events"])
                last = frame["events"][-1]
                held = {name: last[name] for name in ("taskId", "attempt", "seq")}
                await socket.send_json({"type": "held", "held": [held]})
        return socket

    app = web.Application()
    app.router.add_get("/link", serve)
    url = (await serve_web(app)).replace("http", "ws") + "/link?clientId=c1"
    record = await accepted(store, "t1")
    events = [log(2, "before"), log(3, "x" * 300_000), log(4, "after"), log(5, "y" * 80_000)]
    await store.append(record, state("t1", 5), events)
    await deliver(store, "", 960_000, url)
    told = ledger.events("t1", 1)
    assert [each["kind"] for each in told] == ["log", "log", "gap", "log", "log"]
    assert max(sizes) <= 100_000


IDS = {"taskId": "t1", "agentId": "agent", "attempt": 1, "time": NOW}
HELLO = json.dumps(
    {
        "type": "hello", "version": 1, "software": "", "capabilities": ["tasks", "events", "calls"],
        "heartbeatSeconds": 15, "rowLimit": 1000, "window": {"events": 4096, "bytes": 8388608}, "held": [],
    }
)  # fmt: skip
