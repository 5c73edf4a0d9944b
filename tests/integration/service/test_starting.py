"""``translator serve`` while what it needs is not there yet."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager

import pytest

from tests.integration.service.rounds import cloud_task
from translator.agent_server.protocol import BATCH_PATH


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@asynccontextmanager
async def begun(addr, agent_server="http://127.0.0.1:9", port=0, **variables):
    environment = {**os.environ, "TRANSLATOR_REDIS__ADDR": addr, **variables}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "translator", "serve", f"--listen=127.0.0.1:{port}",
        f"--agent-server={agent_server}", stderr=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process, words):
    async with asyncio.timeout(40):
        while words not in (line := (await process.stderr.readline()).decode()):
            assert line, "it ended"
    return line


@asynccontextmanager
async def reachable(redis, port):
    await redis.config_set("port", port)
    try:
        yield
    finally:
        await redis.config_set("port", 0)


async def test_a_redis_that_comes_later_is_waited_for(redis, stand_in, http):
    store, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    async with begun(f"127.0.0.1:{store}", stand_in.url, port) as process:
        assert "open the store: Redis: Error" in await line_with(process, "cannot start yet")
        async with http.get(url + "/healthz") as answer:
            assert answer.status == 200
        async with http.get(url + "/readyz") as answer:
            assert answer.status == 503
            said = (await answer.json())["error"]
            assert said["code"] == "not-ready"
            assert f"connecting to 127.0.0.1:{store}" in said["message"]
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "true")]) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        process.send_signal(signal.SIGHUP)  # noted, and done once there is something to reload
        async with reachable(redis, store):
            await line_with(process, "settings reloaded")
            await line_with(process, "listening on")
            async with http.get(url + "/readyz") as answer:
                assert answer.status == 200
            async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "true")]) as answer:
                assert (await answer.json())[0]["outcome"] == "accepted"
            async with asyncio.timeout(20):
                assert (await stand_in.final("t1"))["phase"] == "Succeeded"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await process.wait() == 0


async def test_an_api_server_that_comes_later_is_waited_for(redis, valkey, tmp_path):
    config = tmp_path / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: c,"
        f" clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{free_port()}'}}}}],"
        " users: [{name: u, user: {token: t}}],"
        " contexts: [{name: c, context: {cluster: c, user: u}}]}"
    )
    addr = f"unix://{valkey.socket}"
    async with begun(addr, TRANSLATOR_ENGINE="argo", KUBECONFIG=str(config)) as process:
        assert "cannot list workflows" in await line_with(process, "cannot start yet")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_wait(number):
    async with begun("127.0.0.1:1") as process:
        await line_with(process, "cannot start yet")
        process.send_signal(number)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_a_name_that_is_not_known_is_exit_code_3():
    async with begun("no-such-host.invalid:6379") as process:
        _, err = await process.communicate()
        assert process.returncode == 3
        assert (
            "serve: open the store: Redis: Error -2 connecting to no-such-host.invalid:6379" in err.decode()
        )
        assert "Traceback" not in err.decode()


async def test_a_wrong_password_is_exit_code_2(redis):
    store = free_port()
    async with reachable(redis, store):
        async with begun(f"127.0.0.1:{store}", TRANSLATOR_REDIS__PASSWORD="wrong") as process:
            _, err = await process.communicate()
        assert process.returncode == 2
        assert "serve: open the store: Redis: " in err.decode()
        assert "Traceback" not in err.decode()


async def test_a_port_that_is_taken_is_said_before_anything_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with begun("127.0.0.1:1", port=taken.getsockname()[1]) as process:
            _, err = await process.communicate()
        assert process.returncode == 2
        assert "cannot listen on" in err.decode()
