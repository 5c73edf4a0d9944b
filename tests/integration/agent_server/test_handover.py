from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from translator.agent_server.handover import Handover
from translator.errors import PermanentError

ITEM = ("t1", {"taskId": "t1", "any": [1]})
GOOD = [{"taskId": "t1", "outcome": "accepted"}]


@pytest.fixture
async def agent():
    """Answers one thing after the other; gives its URL, the answers to come and the bodies it got."""
    answers, bodies = [], []

    async def handler(request):
        bodies.append(await request.json())
        answer = answers.pop(0)
        return web.Response(**answer) if isinstance(answer, dict) else web.json_response(answer)

    app = web.Application()
    app.router.add_post("/api/v1/agent/task/batch", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", answers, bodies
    await runner.cleanup()


@pytest.fixture
async def handover():
    made = Handover("", "")
    made.start()
    yield made
    await made.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        {"text": "<html>"},
        {"status": 502},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"body": b"{}"},
        [],
        ["ok"],
    ],
    ids=str,
)
async def test_an_answer_that_says_nothing_of_the_tasks_is_asked_for_again(agent, handover, caplog, nonsense):
    handover.agent, answers, bodies = agent
    answers[:] = [nonsense, GOOD]
    handover.add([ITEM])
    assert await handover.answers.first(bool) == GOOD[0]
    assert bodies == [[ITEM[1]], [ITEM[1]]]
    assert "trying again: POST" in caplog.text


async def test_a_refused_batch_does_not_hold_up_the_next(agent, handover, caplog):
    handover.agent, answers, _ = agent
    answers[:] = [{"status": 400, "text": "no"}, GOOD]
    handover.add([ITEM])
    handover.add([ITEM])
    seen = [await anext(handover.answers.follow(after)) for after in range(2)]
    assert [answer["outcome"] for answer in seen] == ["undelivered", "accepted"]
    assert "400: no" in seen[0]["message"]
    assert "refused 1 tasks" in caplog.text


async def test_the_agent_may_move(agent, handover, caplog, unused_tcp_port):
    url, answers, _ = agent
    answers[:] = [GOOD]
    failed = asyncio.Event()
    caplog.handler.addFilter(lambda _: failed.set() or True)
    handover.agent = f"http://127.0.0.1:{unused_tcp_port}"
    handover.add([ITEM])
    await failed.wait()
    handover.agent = url
    assert await handover.answers.first(bool) == GOOD[0]


async def test_an_address_that_is_none_is_refused_at_once(handover):
    with pytest.raises(PermanentError, match="no address"):
        handover.agent = "agent:1"
    assert handover.agent == ""
