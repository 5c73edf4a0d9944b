"""The cluster as an administrator sees it: what tests prepare, break and clear away, by kubectl."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

LOG_FINALIZER = "codo.dev/logs"
WORKFLOWS = "workflows.argoproj.io"

Object = Mapping[str, Any]


class KubectlError(Exception):
    """kubectl failed; the message is its own."""


async def kubectl(*args: str, stdin: str = "") -> str:
    """Run kubectl with the cluster of KUBECONFIG; returns what it prints.

    Raises:
        KubectlError: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    if process.returncode:
        raise KubectlError(f"kubectl {' '.join(args)}: {err.decode().strip()}")
    return out.decode()


async def apply(*objects: Object) -> None:
    """Create objects, or change those that exist."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=listed)


async def delete(*objects: Object) -> None:
    """Delete objects, those that are gone too, without waiting for their end."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    await kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=listed)


async def found(kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
    """The objects of a kind in a namespace; empty: in all."""
    where = ["-n", namespace] if namespace else ["-A"]
    listed: list[dict[str, Any]] = json.loads(
        await kubectl("get", kind, *where, "-l", selector, "-o", "json")
    )["items"]
    return listed


async def released(namespace: str, selector: str) -> None:
    """Wait until the service has let go of a task's Workflow: that follows the final status."""
    while True:
        workflows = await found(WORKFLOWS, namespace, selector)
        if not any(LOG_FINALIZER in each["metadata"].get("finalizers", ()) for each in workflows):
            return
        await asyncio.sleep(0.5)


def permissions(
    namespace: str, account_namespace: str = "translator", *, upgrade: bool = False
) -> list[Object]:
    """What `translator rbac` prints for a namespace."""
    command = [sys.executable, "-m", "translator", "rbac", namespace]
    command += ["--account", f"{account_namespace}/translator"]
    command += ["--upgrade"] if upgrade else []
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(printed))


def namespace_objects(name: str, labels: Mapping[str, str] | None = None) -> Sequence[Object]:
    """A namespace in which tasks may run (docs/cluster.md)."""
    metadata = {"name": name, "labels": dict(labels or {})}
    return ({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, *permissions(name))


async def make_namespace(name: str, labels: Mapping[str, str] | None = None) -> None:
    """Make a namespace for Workflows, and wait until pods can be made in it."""
    await apply(*namespace_objects(name, labels))
    await kubectl("wait", "--for=create", "--timeout=60s", "-n", name, "serviceaccount/default")


async def delete_namespace(name: str) -> None:
    """Delete a namespace with all Workflows in it, those too whose logs nobody has read."""
    await kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
    for workflow in await found(WORKFLOWS, name):
        if LOG_FINALIZER in workflow["metadata"].get("finalizers", ()):
            change = json.dumps({"metadata": {"finalizers": None}})
            ref = f"workflow.argoproj.io/{workflow['metadata']['name']}"
            try:
                await kubectl("patch", ref, "-n", name, "--type=merge", "-p", change)
            except KubectlError as error:
                if "NotFound" not in str(error):
                    raise
