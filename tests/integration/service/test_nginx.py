"""Agent-server behind a real nginx with its default limits and timeouts."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket

import pytest

from tests.integration.service.rounds import cloud_task
from tests.integration.service.test_request_size import PRINTED, joined
from translator.agent_server.protocol import BATCH_PATH
from translator.observe.event import NOT_SENT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine (Debian: nginx-light)")

CONFIG = """
%(user)s
daemon off;
pid %(folder)s/pid;
error_log %(folder)s/error.log;
events {}
http {
  access_log %(folder)s/access.log;
  client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; "" close; }
  server {
    listen 127.0.0.1:%(port)d;
    %(more)s
    location / {
      proxy_pass %(to)s;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }
}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
async def nginx(tmp_path, stand_in):
    """Start nginx before the stand-in; gives its host and port, and ends with the test."""
    processes = []

    async def start(more=""):
        folder = tmp_path / "nginx"
        folder.mkdir()
        port = free_port()
        user = "user root;" if os.getuid() == 0 else ""
        config = CONFIG % {"user": user, "folder": folder, "port": port, "to": stand_in.url, "more": more}
        (folder / "nginx.conf").write_text(config)
        process = await asyncio.create_subprocess_exec(
            NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)
        )
        processes.append(process)
        async with asyncio.timeout(10):
            while True:
                assert process.returncode is None, (folder / "error.log").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return f"127.0.0.1:{port}", folder

    yield start
    for process in processes:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture(params=["http", "link"])
def address(request):
    """How agent-server behind nginx is reached."""
    return {"http": "http://{}", "link": "ws://{}/api/v1/agent/link?clientId=agent1"}[request.param]


async def told_of(stand_in, serve, http, url, scripts):
    async with serve("a", url) as (_, api):
        tasks = [cloud_task(f"t{number}", script) for number, script in enumerate(scripts)]
        async with http.post(api + BATCH_PATH, json=tasks) as answer:
            assert {each["outcome"] for each in await answer.json()} == {"accepted"}
        async with asyncio.timeout(60):
            finals = [await stand_in.final(task["taskId"]) for task in tasks]
    assert {final["phase"] for final in finals} == {"Succeeded"}
    assert stand_in.ledger.violations == []
    events = stand_in.ledger.kept
    return [[each for each in events if each["taskId"] == task["taskId"]] for task in tasks]


def lines(events):
    return [line for event in events if event["kind"] == "log" for line in event["lines"]]


async def test_every_line_and_every_final_comes_through(nginx, serve, stand_in, http, address):
    host, folder = await nginx()
    told = await told_of(stand_in, serve, http, address.format(host), list(PRINTED))
    for script, events in zip(PRINTED, told, strict=True):
        assert [each for each in events if each["kind"] == "gap"] == []
        assert joined(lines(events)) == PRINTED[script]
    assert " 413 " not in (folder / "access.log").read_text()


async def test_where_it_takes_less_than_is_set_the_gap_is_told_and_the_final_comes(
    nginx, serve, stand_in, http
):
    host, folder = await nginx("client_max_body_size 100k;")
    script = "head -c 300000 /dev/zero | tr '\\0' x; echo; sleep 1; echo after"
    [events] = await told_of(stand_in, serve, http, f"http://{host}", [script])
    assert [(each["why"], each["missing"]) for each in events if each["kind"] == "gap"] == [(NOT_SENT, 1)]
    assert lines(events) == ["after"]
    assert " 413 " in (folder / "access.log").read_text()
