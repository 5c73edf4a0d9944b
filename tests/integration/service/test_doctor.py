from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.conftest import Handler
from translator.finding import Finding, Verdict
from translator.service.doctor import agent_server
from translator.service.doctor.examination import examine
from translator.service.doctor.redis import examine as look_at_redis
from translator.settings import Settings, load_settings
from translator.settings.redis import Redis


async def only(settings: Settings) -> Finding:
    (finding,) = [each async for each in agent_server.examine(settings)]
    return finding


def status(code: int) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=code, text="no")

    return answer


async def test_an_agent_server_that_takes_events(answering):
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.headers.get("Authorization"), await request.json()))
        return web.json_response({"held": []})

    finding = await only(Settings(server_address=await answering(answer), agent_server_token="t"))
    assert finding.verdict is Verdict.FINE
    ((token, question),) = asked
    assert token == "Bearer t"
    assert not question.get("events")  # nothing was told that could change anything


@pytest.mark.parametrize(
    ("code", "remedy"), [(401, "agentServerToken"), (404, "eventsPath"), (503, "SERVER-ADDRESS")]
)
async def test_one_that_refuses(answering, code, remedy):
    finding = await only(Settings(server_address=await answering(status(code))))
    assert finding.verdict is Verdict.FAULT
    assert str(code) in finding.message
    assert remedy in finding.remedy


async def test_one_that_is_not_there():
    finding = await only(Settings(server_address="http://127.0.0.1:1"))
    assert finding.verdict is Verdict.FAULT
    assert "127.0.0.1:1" in finding.message


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(400, Verdict.FINE), (426, Verdict.FINE), (401, Verdict.FAULT), (502, Verdict.FAULT)],
)
async def test_a_link_is_asked_for_but_not_opened(answering, code, verdict):
    upgrades = []

    async def answer(request: web.Request) -> web.Response:
        upgrades.append(request.headers.get("Upgrade"))
        return web.Response(status=code)

    finding = await only(
        Settings(server_address=f"ws{(await answering(answer)).removeprefix('http')}?clientId=a")
    )
    assert (finding.verdict, upgrades) == (verdict, [None])


async def test_a_link_that_is_none():
    nobody = await only(Settings(server_address="ws://127.0.0.1:1?clientId=a"))
    nameless = await only(Settings(server_address="ws://127.0.0.1:1"))
    assert nobody.verdict is nameless.verdict is Verdict.FAULT
    assert "clientId" in nameless.remedy


async def test_a_redis_that_is_not_there(tmp_path: Path):
    config = tmp_path / "settings.yaml"
    config.write_text("SERVER-ADDRESS: http://127.0.0.1:1\nredisConfig: {addr: '127.0.0.1:1'}\n")
    found = [each async for each in examine(load_settings(config))]
    assert [each.about for each in found if each.verdict is Verdict.FAULT] == ["Redis", "agent-server"]


async def test_a_data_folder_that_cannot_be_written(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("")
    found = [each async for each in examine(Settings(data_dir=file / "data"))]
    assert any(each.about == "data folder" and each.verdict is Verdict.FAULT for each in found)


def test_the_command(tmp_path: Path):
    def doctor(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "translator", "doctor", *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    bad = tmp_path / "bad.yaml"
    bad.write_text("SERVER-ADRESS: x\n")
    wrong = doctor("--config", str(bad))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "did you mean SERVER-ADDRESS" in wrong.stderr
    absent = doctor("--agent-server", "http://127.0.0.1:1")
    assert absent.returncode == 3
    assert "FAULT    agent-server: " in absent.stdout
    found = json.loads(doctor("--agent-server", "http://127.0.0.1:1", "--format", "json").stdout)
    assert {"about": "agent-server", "verdict": "fault"}.items() <= found[-1].items()


async def test_a_redis_that_may_lose_tasks_is_told(valkey, redis):
    settings = Settings(redis=Redis(addr=f"unix://{valkey.socket}"))

    async def verdicts() -> dict[str, Verdict]:
        found = [each async for each in look_at_redis(settings)]
        return {each.message.partition(":")[0]: each.verdict for each in found}

    before = await verdicts()
    await redis.config_set("appendonly", "no")
    try:
        assert (await verdicts())["appendonly"] is Verdict.FAULT
    finally:
        await redis.config_set("appendonly", "yes")
    assert before["version"] is before["role"] is before["appendfsync"] is Verdict.FINE
