"""The cluster of KUBECONFIG, by kubectl: a namespace of the benchmark's own, and what runs in it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

WORKFLOW_LABEL = "workflows.argoproj.io/workflow"


def kubectl(*args: str, stdin: str = "") -> str:
    """Run kubectl; returns what it prints."""
    done = subprocess.run(["kubectl", *args], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def own_namespace() -> Iterator[str]:
    """A namespace in which Argo's executor may report, deleted at the end with all that is in it."""
    name = f"bench-{secrets.token_hex(3)}"
    where = {"name": "executor", "namespace": name}
    rbac = "rbac.authorization.k8s.io"
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": where,
            "rules": [
                {
                    "apiGroups": ["argoproj.io"],
                    "resources": ["workflowtaskresults"],
                    "verbs": ["create", "patch"],
                }
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": where,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "executor"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": name}],
        },
    ]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    kubectl("wait", "--for=create", "--timeout=60s", "-n", name, "serviceaccount/default")
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
        for ref in kubectl("get", "workflows.argoproj.io", "-n", name, "-o", "name").split():
            kubectl("patch", ref, "-n", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def running_pod(namespace: str, workflow: str) -> str:
    """Wait until the main container of the Workflow's pod runs; returns the pod's name."""
    for _ in range(600):
        listed = kubectl("get", "pods", "-n", namespace, "-l", f"{WORKFLOW_LABEL}={workflow}", "-o", "json")
        for pod in json.loads(listed)["items"]:
            for status in pod["status"].get("containerStatuses", ()):
                if status["name"] == "main" and "running" in status["state"]:
                    return str(pod["metadata"]["name"])
        time.sleep(0.1)
    raise SystemExit(f"no pod of {workflow} ran within a minute")


class Reader:
    """A program that reads a log into a file, and what it costs.

    Args:
        command: the program with its arguments.
        output: where its output goes.
    """

    def __init__(self, command: list[str], output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)

    def lines(self) -> list[bytes]:
        """Wait for its end; what it printed."""
        _, _, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = 0  # taken by wait4
        self._usage = usage
        return self._output.read_bytes().splitlines()

    @property
    def cpu(self) -> float:
        """CPU seconds, once `lines` has returned."""
        return self._usage.ru_utime + self._usage.ru_stime


def pass_on(said: IO[str]) -> None:
    """Pass on what a process says, so that it never waits for a reader."""
    threading.Thread(target=lambda: [sys.stderr.write(line) for line in said], daemon=True).start()


def cpu_of(pid: int) -> float:
    """CPU seconds (user and system) of a living process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_of(pid: int) -> tuple[int, int]:
    """Resident memory of a living process in kB: now, and at its highest."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]), int(status["VmHWM"].split()[0])


def children_of(pid: int) -> list[int]:
    """The processes that a living process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def load() -> str:
    """How busy the machine is, for the reader of the figures."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
