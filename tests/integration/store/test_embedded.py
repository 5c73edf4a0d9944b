from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.store.samples import new_task, running, seqs
from translator.errors import PermanentError, TemporaryError
from translator.store.connect import connect
from translator.store.embedded import Embedded
from translator.store.store import Store

HOLDER = """
import sys, time
from pathlib import Path
from translator.store.embedded import Embedded
server = Embedded(Path(sys.argv[1]))
server.start()
print(server.pid, server.socket.parent, flush=True)
time.sleep(60)
"""


@pytest.fixture
def embedded(tmp_path):
    server = Embedded(tmp_path / "data")
    server.start()
    yield server
    server.stop()


async def test_what_was_answered_survives_a_kill(embedded):
    redis = connect(embedded.socket)
    store = Store(redis, shards=4, keep_s=60)
    record = await running(store)

    embedded.kill()
    with pytest.raises(TemporaryError, match="load task t1"):
        await store.load("t1")
    embedded.start()

    assert await store.load("t1") == record
    assert seqs(await store.outbox("t1", 10)) == [(1, 1), (1, 2)]
    assert await store.accept([new_task()], 5) == [("duplicate", "Running")]
    await redis.aclose()


async def test_every_write_is_on_disk_before_its_answer_and_nothing_listens_on_tcp(embedded):
    redis = connect(embedded.socket)
    config = await redis.config_get("append*", "port", "maxmemory-policy")
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "always"
    assert config["port"] == "0"
    assert config["maxmemory-policy"] == "noeviction"
    assert embedded.socket.stat().st_mode & 0o077 == 0
    await redis.aclose()


def test_a_data_folder_has_one_owner(embedded, tmp_path):
    second = Embedded(tmp_path / "data")
    with pytest.raises(PermanentError, match="another process keeps its data in"):
        second.start()
    second.stop()
    assert embedded.socket.exists()


def test_a_temporary_server_leaves_nothing():
    server = Embedded()
    server.start()
    folder, pid = server.socket.parent, server.pid
    server.stop()
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


def test_the_server_dies_with_a_killed_process(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    ) as holder:
        pid, folder = holder.stdout.readline().split()
        ended = os.pidfd_open(int(pid))
        holder.send_signal(signal.SIGKILL)
    assert select.select([ended], [], [], 5)[0], "Valkey outlived the process that embedded it"
    os.close(ended)
    # what it left is the next one's, and goes with it
    successor = Embedded(tmp_path / "data")
    successor.start()
    assert str(successor.socket.parent) == folder
    successor.stop()
    assert not Path(folder).exists()


def test_a_long_path_for_temporary_files_is_no_hindrance(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    for data in (None, tmp_path / "data"):
        server = Embedded(data)
        server.start()
        assert server.socket.is_socket()
        server.stop()
    assert list(deep.iterdir()) == []
