"""What the checker finds, tried on what a service with that fault would tell."""

from __future__ import annotations

import asyncio
import re
import ssl

import aiohttp
import pytest
from aiohttp import web

from tests.outside.agent_server import EVENTS, AgentServer, Answer, faults
from tests.outside.judge import judge
from tests.outside.proxy import LOGS, Proxy, certificate, trusting
from tests.outside.tasks import Step, task

TIME = "2026-03-01T08:00:02Z"


def told_of(*events, task_id="t"):
    """Events of one attempt, numbered."""
    return [
        {"taskId": task_id, "agentId": "a", "attempt": 1, "seq": seq, "time": TIME, **event}
        for seq, event in enumerate(events, 1)
    ]


def status(phase, **more):
    return {"kind": "status", "phase": phase, **more}


def step(phase, name="s1", **more):
    return {"kind": "step", "name": name, "phase": phase, **more}


def log(*numbers, name="s1"):
    return {"kind": "log", "step": name, "lines": [f"{name} {number}" for number in numbers]}


def gap(name="s1", **more):
    return {"kind": "gap", "step": name, "why": "…", **more}


DONE = {"phase": "Succeeded", "exitCode": 0, "startedAt": TIME, "finishedAt": TIME}


def final(end="Succeeded", *, message="…", **outcome):
    return status(end, message=message, steps=[{"name": "s1", **DONE, **outcome}])


def whole(*between, end=None, outcome=None):
    """A story: started, what is between, the step's end, the final status."""
    return [status("Pending"), step("Running"), *between, step(**{**DONE, **(outcome or {})}), end or final()]


async def story(*events, steps=(), **more):
    told = AgentServer()
    await told.keep(told_of(*events))
    return judge(told, task(*(steps or [Step("s1", lines=3)]), id="t"), **more)


async def test_a_run_without_a_fault():
    read = await story(*whole(log(1, 2), log(3)))
    assert (read.ended, read.lines, read.needless) == (("Succeeded", ""), {"s1": [1, 2, 3]}, [])


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (whole(log(1, 3)), "s1: 1 lines are lost in silence"),
        (whole(log(2, 3)), "s1: 1 lines are lost in silence"),
        (whole(log(1)), "s1: 2 lines are lost in silence"),
        (whole(), "s1: 3 lines are lost in silence"),
        (whole(log(1, 2), log(2, 3)), "s1: line 2 after line 2"),
        (whole(log(2, 1, 3)), "s1: line 1 after line 2"),
        (whole(log(1, 2, 3, 4)), "s1 did not print line 4"),
        (whole({**log(), "lines": ["x"]}, log(1, 2, 3)), "s1 did not print 'x'"),
        (whole(gap(missing=5), log(3)), "s1: 2 lines are missing, 5 are told"),
        (whole(log(1, 2, 3))[:-1], "no final status"),
        (
            whole(log(1, 2, 3), outcome={"phase": "Failed", "exitCode": 3}),
            "phase is Succeeded in the final status",
        ),
        (whole(log(1, 2, 3), end=final("Failed")), "Failed, but no step without onError"),
        (whole(log(1, 2, 3), end=status("Succeeded", steps=[])), "does not list the task's steps in order"),
        (whole(log(1, 2, 3), end=final(startedAt="")), "s1 Succeeded and had not started"),
        (whole(step("Pending"), log(1, 2, 3)), "was Running, then Pending"),
        ([*whole(log(1, 2, 3)), log()], "follows the final status"),
        ([status("Pending"), final(phase="Skipped", startedAt="")], "[] failed and ['s1'] did not run"),
        (whole(log(1, 2, 3), end=final("Error", message="")), "Error without a message"),
    ],
)
async def test_what_it_finds(events, words):
    with pytest.raises(AssertionError) as caught:
        await story(*events)
    assert words in str(caught.value)


async def test_a_gap_stands_for_what_is_missing():
    for events in (whole(log(1), gap(), log(3)), whole(log(1), gap(missing=2)), whole(gap(missing=3))):
        assert (await story(*events)).needless == []


async def test_a_gap_where_nothing_is_missing_is_needless():
    assert (await story(*whole(log(1, 2), gap(), log(3)))).needless


async def test_lines_may_come_again_only_after_a_gap_and_a_loss():
    events = whole(log(1, 2), gap(), log(1, 2, 3))
    with pytest.raises(AssertionError, match="line 1 after line 2"):
        await story(*events)
    await story(*events, lost=True)


async def test_a_success_over_a_failed_step():
    """The verdict that a DAG's own rule gave: build failed, notify (continue) never ran."""
    outcomes = [
        {"name": "s1", "phase": "Failed", "exitCode": 3, "startedAt": TIME},
        {"name": "s2", "phase": "Skipped"},
    ]
    events = [status("Pending"), step("Running"), log(1, 2, 3), step("Failed", exitCode=3, startedAt=TIME)]
    steps = (Step("s1", lines=3, exit=3), Step("s2", continues=True))
    with pytest.raises(AssertionError, match=r"\['s1'\] failed and \['s2'\] did not run"):
        await story(*events, status("Succeeded", steps=outcomes), steps=steps)
    read = await story(*events, status("Failed", message="…", steps=outcomes), steps=steps)
    assert read.phases == ["Failed", "Skipped"]


async def test_two_contents_and_holes():
    told = AgentServer()
    first, second, third = told_of(status("Pending"), status("Running"), log())
    await told.keep([first, first])
    assert told.breaches == []
    await told.keep([{**first, "phase": "Running"}])
    await told.keep([third])
    assert ["two contents" in told.breaches[0], "1 is the last" in told.breaches[1]] == [True, True]
    await told.keep([second, third])
    assert len(told.events("t")) == 3


def test_events_that_lack_something():
    whole_event = told_of(log(1))[0]
    assert faults(whole_event | {"unknown": 1}) == []
    assert faults({**whole_event, "kind": "gap"}) == ["why is no str"]
    assert faults({**whole_event, "seq": "1"}) == ["seq is no int"]


async def test_it_answers_as_it_is_told(told):
    body = {"events": told_of(status("Pending"))}
    told.next(Answer(503, retry_after="2"), Answer(cut="before"), Answer(cut="after"))
    async with aiohttp.ClientSession() as session:

        async def post(content):
            async with session.post(told.url + EVENTS, json=content) as answer:
                return answer.status, answer.headers.get("Retry-After"), await answer.text()

        assert await post(body) == (503, "2", "no")
        for held in (0, 1):
            with pytest.raises(aiohttp.ClientError):
                await post(body)
            assert len(told.events("t")) == held
        asked = {"events": [], "ask": [{"taskId": "t", "attempt": 1}, {"taskId": "u", "attempt": 1}]}
        assert await post(asked) == (200, None, '{"held": [{"taskId": "t", "attempt": 1, "seq": 1}]}')
        told.limit = 10
        assert (await post(body))[0] == 413


@pytest.fixture
async def behind(tmp_path):
    """A proxy before an HTTPS server that streams lines and says what it was asked."""

    async def lines(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(1000):
            await answer.write(b"%d\n" % number)
            await asyncio.sleep(0.02)
        return answer

    async def echo(request: web.Request) -> web.Response:
        return web.json_response(
            {
                "path": request.path_qs,
                "body": await request.text(),
                "auth": request.headers.get("Authorization"),
            }
        )

    folder = tmp_path / "upstream"
    folder.mkdir()
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/n/pods/p/log", lines)
    app.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    upstream = f"https://127.0.0.1:{runner.addresses[0][1]}"
    proxy = Proxy(upstream, trusting(certificate(folder)[0].read_bytes()), tmp_path)
    await proxy.come()
    try:
        yield proxy
    finally:
        await proxy.go()
        await runner.cleanup()


async def test_the_proxy(behind, tmp_path):
    trust = trusting(certificate(tmp_path)[0].read_bytes())
    timeout = aiohttp.ClientTimeout(total=20, sock_read=1)
    log_path = "/api/v1/namespaces/n/pods/p/log"
    async with aiohttp.ClientSession(timeout=timeout) as session:

        def ask(path, method="GET", **more):
            return session.request(method, behind.url + path, ssl=trust, **more)

        async with ask("/x?y=1", "POST", data="hello", headers={"Authorization": "Bearer b"}) as answer:
            assert await answer.json() == {"path": "/x?y=1", "body": "hello", "auth": "Bearer b"}
        async with ask(log_path) as answer:
            assert await answer.content.readline() == b"0\n"  # it streams
            assert behind.cut("/log") == 1
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        async with behind.refusing(403, LOGS):
            async with ask(log_path + "?follow=true") as answer:
                assert (answer.status, (await answer.json())["kind"]) == (403, "Status")
            async with ask("/x") as answer:
                assert answer.status == 200
        async with ask(log_path) as answer:
            await answer.content.readline()
            behind.silent = True
            with pytest.raises(TimeoutError):
                await answer.content.read()
            behind.silent = False
        await behind.go()
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask("/x").__aenter__()
        await behind.come()
        async with ask("/x") as answer:
            assert answer.status == 200
    assert re.fullmatch(LOGS, log_path + "?container=main")
