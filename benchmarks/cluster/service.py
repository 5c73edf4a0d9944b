"""``translator serve`` and agent-server's stand-in as processes of their own, and what the latter gets."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cluster

HERE = Path(__file__).resolve().parent
PATIENCE_S = 120.0
FINAL = ("Succeeded", "Failed", "Error", "Cancelled", "TimedOut")

Arrived = tuple[float, dict[str, Any]]
"""When an event arrived, in seconds since 1970, and the event."""


@dataclass
class Service:
    """A running service.

    Attributes:
        url: of its API.
        pid: of its process.
        peer: the stand-in's pid.
        namespace: where its tasks run.
        received: what the stand-in writes.
    """

    url: str
    pid: int
    peer: int
    namespace: str
    received: Path
    _read: int = 0

    def submit(self, task_yaml: str, timeout: int = 300) -> str:
        """Submit a task under a new taskId, which is returned."""
        task_id = f"bench-{secrets.token_hex(4)}"
        self.submit_all({task_id: task_yaml}, timeout)
        return task_id

    def submit_all(self, tasks: Mapping[str, str], timeout: int) -> None:
        """Submit tasks, by taskId, in one batch."""
        batch = [
            {
                "taskId": task_id,
                "taskType": "CloudTask",
                "agentId": "bench",
                "args": {"timeout": timeout, "namespace": self.namespace, "taskYaml": task_yaml},
            }
            for task_id, task_yaml in tasks.items()
        ]
        request = urllib.request.Request(
            f"{self.url}/api/v1/agent/task/batch",
            json.dumps(batch).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answers = json.load(response)
        if refused := [answer for answer in answers if answer["outcome"] != "accepted"]:
            raise SystemExit(f"the service refused the task: {refused[0]}")

    def workflow(self, task_id: str) -> str:
        """Wait until the task's Workflow is known; returns its name."""
        for _, event in self.follow(task_id):
            if event.get("workflow"):
                return str(event["workflow"]["name"])
        raise SystemExit(f"{task_id} ended without a Workflow")

    def until_final(self, task_id: str) -> list[Arrived]:
        """Wait for the final status; all of the task's events."""
        return list(self.follow(task_id))

    def follow(self, task_id: str) -> Iterator[Arrived]:
        """The task's events from the first to the final one, as they arrive."""
        deadline = time.monotonic() + PATIENCE_S
        with self.received.open() as file:
            rest = ""
            while time.monotonic() < deadline:
                rest += file.readline()
                if not rest.endswith("\n"):
                    time.sleep(0.02)
                    continue
                line, rest = rest, ""
                if task_id not in line:
                    continue
                arrived, event = json.loads(line)
                yield arrived, event
                if event["kind"] == "status" and event["phase"] in FINAL:
                    return
        raise SystemExit(f"{task_id} had no final status within {PATIENCE_S:g} s")


@contextmanager
def serving(namespace: str, folder: Path, *, kubeconfig: Path | None = None) -> Iterator[Service]:
    """Start both; stop them at the end.

    Args:
        namespace: where tasks run.
        folder: for their data.
        kubeconfig: of the cluster; None: as kubectl finds it.
    """
    received = folder / "received.jsonl"
    received.touch()
    with ExitStack() as stack:
        receiver = [sys.executable, str(HERE / "receiver.py"), str(received)]
        peer, stand_in = stack.enter_context(process(receiver))
        env = {
            "TRANSLATOR_ARGO__NAMESPACES": namespace,
            "TRANSLATOR_DATA_DIR": str(folder / "data"),
            "TRANSLATOR_LOG_LEVEL": "warning",
        }
        if kubeconfig is not None:
            env["TRANSLATOR_ARGO__KUBECONFIG"] = str(kubeconfig)
        command = [
            sys.executable, "-m", "translator", "serve", "--engine", "argo",
            "--listen", "127.0.0.1:0", "--agent-server", stand_in,
        ]  # fmt: skip
        served, url = stack.enter_context(process(command, env))
        yield Service(url, served.pid, peer.pid, namespace, received)


@contextmanager
def process(
    command: list[str], env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that says on stderr where it listens."""
    begun = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | (env or {}))
    assert begun.stderr is not None
    try:
        said = ""
        for line in begun.stderr:
            said += line
            if found := re.search(r"listening on (\S+)", line):
                break
        else:
            raise SystemExit(f"{command} did not start:\n{said}")
        cluster.pass_on(begun.stderr)
        yield begun, found[1]
    finally:
        begun.terminate()
        begun.wait(timeout=30)
