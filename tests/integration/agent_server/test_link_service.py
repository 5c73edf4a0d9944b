"""The service over a link: agent-server needs no way to reach it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.integration.service.rounds import cloud_task, eventually, revoke
from translator.agent_server.faults import Fault
from translator.agent_server.ledger import Ledger
from translator.agent_server.protocol import BATCH_PATH, CALL_PATH
from translator.agent_server.stand_in import StandIn
from translator.service.factory import running
from translator.settings import Settings
from translator.store.store import Store


async def submit(http, stand_in, *items):
    async with http.post(stand_in.url + BATCH_PATH, json=list(items)) as answer:
        assert [each["outcome"] for each in await answer.json()] == ["accepted"] * len(items)


def lines(stand_in, task_id):
    return [
        line
        for event in stand_in.ledger.kept
        if event["taskId"] == task_id and event["kind"] == "log"
        for line in event["lines"]
    ]


def settings_for(stand_in, tmp_path):
    address = f"{stand_in.link}?clientId=agent1"
    return Settings(server_address=address, data_dir=tmp_path / "data", biz_id="504")


async def test_a_task_goes_the_whole_way_round(stand_in, http, tmp_path):
    async with running(settings_for(stand_in, tmp_path)):
        await submit(http, stand_in, cloud_task("t1", "echo one", "echo two"), cloud_task("t2", "exit 3"))
        async with asyncio.timeout(60):
            assert (await stand_in.final("t1"))["phase"] == "Succeeded"
            assert (await stand_in.final("t2"))["phase"] == "Failed"
        assert lines(stand_in, "t1") == ["one", "two"]
    assert stand_in.ledger.violations == []


async def test_whatever_the_link_suffers(stand_in, http, tmp_path):
    stand_in.faults.add(
        Fault(drop="after"), Fault(duplicate=True), Fault(status=503, retry_after="0"), Fault(drop="before"),
        Fault(reorder=True), Fault(drop="after"), Fault(delay=0.01),
    )  # fmt: skip
    # a frame for each line, so that every fault is met
    settings = settings_for(stand_in, tmp_path).model_copy(update={"row_limit": 1})
    async with running(settings):
        await submit(http, stand_in, cloud_task("t1", "for n in 1 2 3; do echo $n; done", "echo 4", "echo 5"))
        async with asyncio.timeout(60):
            assert (await stand_in.final("t1"))["phase"] == "Succeeded"
    assert lines(stand_in, "t1") == ["1", "2", "3", "4", "5"]
    assert stand_in.ledger.violations == []
    assert stand_in.faults.take() is None, "the faults were not all met"


async def test_after_a_restart_nothing_is_sent_that_is_held(stand_in, http, tmp_path, monkeypatch):
    sent, take = [], Ledger.take

    def taken(self, events):
        sent.extend(each["seq"] for each in events)
        return take(self, events)

    async def cut_off(*_):
        """The process ends before it has noted what agent-server holds."""

    monkeypatch.setattr(Ledger, "take", taken)
    settings = settings_for(stand_in, tmp_path).model_copy(update={"flush_seconds": 0.1})
    with monkeypatch.context() as dying:
        dying.setattr(Store, "acknowledge", cut_off)
        async with running(settings), asyncio.timeout(60):
            await submit(http, stand_in, cloud_task("t1", *(f"echo {n}" for n in range(6))))
            assert (await stand_in.final("t1"))["phase"] == "Succeeded"
    assert len(set(sent)) > 12
    sent.clear()
    # an event a request: what the outbox gives first is far from all that is held
    async with running(settings.model_copy(update={"row_limit": 1})) as again:

        async def is_done():
            return not await again.service.unheld()

        await eventually(is_done)
    assert sent == []


async def test_a_task_is_cancelled_and_submitted_by_a_call(stand_in, http, tmp_path):
    async with running(settings_for(stand_in, tmp_path)):
        await submit(http, stand_in, cloud_task("t1", "echo up; sleep 60"))
        async for event in stand_in.events():
            if event["kind"] == "log":
                break
        item = revoke("t1")
        call = {"TaskID": item["taskId"], "AgentID": "agent1", "TaskType": "RevokeTask", "args": item["args"]}
        async with http.post(stand_in.url + CALL_PATH, json=call) as answer:
            assert (answer.status, (await answer.json())["outcome"]) == (200, "accepted")
        async with asyncio.timeout(60):
            assert (await stand_in.final("t1"))["phase"] == "Cancelled"
    assert stand_in.ledger.violations == []


async def test_serve_and_agent_server_each_die_and_come_back(http, tmp_path, unused_tcp_port):
    environment = {**os.environ, "TRANSLATOR_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    first = StandIn(port=unused_tcp_port)

    async def serve():
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "translator", "serve", "--listen", "127.0.0.1:0",
            "--agent-server", f"ws://127.0.0.1:{unused_tcp_port}?clientId=agent1",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env=environment,
        )  # fmt: skip

    process = await serve()
    try:
        async with first, asyncio.timeout(60):
            await submit(http, first, cloud_task("t1", "echo 1"))
            assert (await first.final("t1"))["phase"] == "Succeeded"
            process.kill()
            await process.wait()
            # handed over to an agent that is away: it waits
            await submit(http, first, cloud_task("t2", "echo 1; sleep 0.4; echo 2"))
            process = await serve()
            async for event in first.events():
                if event["taskId"] == "t2" and event["kind"] == "log":
                    break
        second = StandIn(port=unused_tcp_port)
        second.ledger = first.ledger
        async with second, asyncio.timeout(60):
            assert (await second.final("t2"))["phase"] == "Succeeded"
            assert lines(second, "t2") == ["1", "2"]
            assert second.ledger.violations == []
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
