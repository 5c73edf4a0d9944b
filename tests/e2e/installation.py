"""The translator as deploy/ installs it, with agent-server's stand-in beside it in the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.e2e.kubectl import KubectlError, Object, apply, delete, found, kubectl, permissions
from tests.e2e.tasks import REPOSITORY
from tests.e2e.told import Json
from translator.agent_server.protocol import BATCH_PATH

SERVICE = "translator"
"""The namespace that deploy/ names."""

DATA = "data-translator-redis-0"
"""The claim of Valkey's StatefulSet."""

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

PORT = 8081

TOKEN = "a token of the tests"
"""Shown by agent-server to the translator and the other way round."""

Final = Callable[[Json], bool]


def agent_server(namespace: str, image: str) -> Sequence[Object]:
    """A stand-in that prints every event, where the NetworkPolicy expects agent-server."""
    labels = {"app.kubernetes.io/name": "agent-server"}
    command = ["translator", "stand-in", "--format=json", f"--listen=0.0.0.0:{PORT}"]
    container = {
        "name": "agent-server",
        "image": image,
        "command": [*command, f"--agent=http://translator.{SERVICE}:8080"],
        "env": [{"name": "STAND_IN_TOKEN", "value": TOKEN}],
        "readinessProbe": {
            "httpGet": {
                "path": "/violations",
                "port": PORT,
                "httpHeaders": [{"name": "Authorization", "value": f"Bearer {TOKEN}"}],
            },
            "periodSeconds": 1,
        },
    }
    meta = {"name": "agent-server", "namespace": namespace, "labels": labels}
    return (
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": labels, "ports": [{"port": PORT}]},
        },
    )


def overlay(folder: Path, image: str, tasks: str) -> None:
    """Write what an operator adds to deploy/: an image, settings, the namespaces where tasks run."""
    name, _, tag = image.rpartition(":")
    base = (REPOSITORY / "deploy" / "configmap.yaml").read_text()
    settings = yaml.safe_load(yaml.safe_load(base)["data"]["config.yaml"])
    settings["SERVER-ADDRESS"] = f"http://agent-server.{tasks}:{PORT}"
    settings["argo"]["namespaces"] = [tasks]
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    names = ("TRANSLATOR_API_TOKEN", "TRANSLATOR_AGENT_SERVER_TOKEN")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "translator", "namespace": SERVICE},
        "stringData": dict.fromkeys(names, TOKEN),
    }
    (folder / "secret.yaml").write_text(yaml.safe_dump(secret))
    (folder / "rbac.yaml").write_text(yaml.safe_dump_all(permissions(tasks, SERVICE)))
    kustomization = {
        "resources": [os.path.relpath(REPOSITORY / "deploy", folder.resolve()), "rbac.yaml", "secret.yaml"],
        "configMapGenerator": [
            {"name": "translator", "namespace": SERVICE, "behavior": "merge", "files": ["config.yaml"]}
        ],
        "images": [{"name": "translator", "newName": name, "newTag": tag}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))


async def volume(tasks: str) -> Sequence[Object]:
    """A volume for Valkey where the cluster makes none by itself: a folder of a node."""
    for each in await found("storageclass", ""):
        if (
            each["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class")
            == "true"
        ):
            return ()
    node = json.loads(await kubectl("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]
    folder = {"path": f"/tmp/{tasks}-redis", "type": "DirectoryOrCreate"}
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    made = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{tasks}-redis"},
        "spec": {
            "capacity": {"storage": "8Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": folder,
            "claimRef": {"namespace": SERVICE, "name": DATA},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
        },
    }
    await on_folder(tasks, node, folder, "chown 999:999 /data")
    await apply(made)
    return (made,)


async def on_folder(tasks: str, node: str, folder: Mapping[str, str], script: str) -> None:
    """Run a script as root with a folder of the node at /data."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "folder", "namespace": tasks},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "volumes": [{"name": "data", "hostPath": folder}],
            "containers": [
                {
                    "name": "main",
                    "image": "library/alpine:latest",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", script],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
        },
    }
    await apply(pod)
    ended = "--for=jsonpath={.status.phase}=Succeeded"
    await kubectl("wait", ended, "--timeout=120s", "-n", tasks, "pod/folder")
    await kubectl("delete", "pod/folder", "-n", tasks, "--grace-period=0", "--force")


class Installation:
    """What runs in the cluster, spoken to through agent-server.

    Args:
        url: agent-server, as it is reached from here.
        tasks: the namespace where tasks run.
    """

    def __init__(self, url: str, tasks: str) -> None:
        self._url = url
        self.tasks = tasks

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})

    async def submit(self, batch: Sequence[Json]) -> None:
        """Submit a batch to agent-server."""
        url = self._url + BATCH_PATH
        async with self._session() as session, session.post(url, json=batch) as answer:
            assert answer.status == 200, await answer.text()
            assert {each["outcome"] for each in await answer.json()} == {"accepted"}

    async def violations(self) -> list[Json]:
        """What broke the contract."""
        async with self._session() as session, session.get(self._url + "/violations") as answer:
            told: list[Json] = (await answer.json())["violations"]
            return told

    async def events(self, task_id: str, until: Final) -> list[Json]:
        """What agent-server was told of a task, up to an event that is waited for."""
        seen: list[Json] = []
        follow = await asyncio.create_subprocess_exec(
            "kubectl", "logs", "-f", "-n", self.tasks, "pod/agent-server",
            stdout=asyncio.subprocess.PIPE, limit=1 << 24,
        )  # fmt: skip
        assert follow.stdout is not None
        try:
            async for line in follow.stdout:
                event = json.loads(line) if line.startswith(b"{") else {}
                if event.get("taskId") == task_id:
                    seen.append(event)
                    if until(event):
                        return seen
        finally:
            with contextlib.suppress(ProcessLookupError):
                follow.kill()
            await follow.wait()
        raise EOFError(f"agent-server's log ended; of {task_id} it had {seen}")

    async def replicas(self) -> list[str]:
        """The names of the translator's pods that are not on their way out."""
        pods = await found("pods", SERVICE, "app.kubernetes.io/name=translator")
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_final(event: Json) -> bool:
    return event["kind"] == "status" and event["phase"] not in ("Pending", "Running")


@contextlib.asynccontextmanager
async def forwarded(namespace: str, what: str, port: int) -> AsyncIterator[str]:
    """The URL of a port of the cluster, as it is reached from here."""
    forward = await asyncio.create_subprocess_exec(
        "kubectl", "port-forward", "-n", namespace, what, f":{port}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert forward.stdout is not None
    try:
        said = (await forward.stdout.readline()).decode()  # Forwarding from 127.0.0.1:12345 -> 8081
        yield f"http://{said.split()[2]}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            forward.kill()
        await forward.wait()


@contextlib.asynccontextmanager
async def installed(image: str, tasks: str, folder: Path) -> AsyncIterator[Installation]:
    """Install with kustomize, and take it all away at the end.

    What deploy/ has for the namespace `default` is left out: other tests use that namespace.
    """
    overlay(folder, image, tasks)
    built: list[dict[str, Any]] = list(yaml.safe_load_all(await kubectl("kustomize", str(folder))))
    ours = [each for each in built if each["metadata"].get("namespace") != "default"]
    volumes: Sequence[Object] = ()
    try:
        await apply(*(each for each in ours if each["kind"] == "Namespace"))
        volumes = await volume(tasks)
        await apply(*agent_server(tasks, image), *ours)
        await kubectl("wait", "--for=condition=Ready", "--timeout=120s", "-n", tasks, "pod/agent-server")
        for what in ("statefulset/translator-redis", "deployment/translator"):
            await kubectl("rollout", "status", what, "-n", SERVICE, "--timeout=180s")
        async with forwarded(tasks, "pod/agent-server", PORT) as url:
            yield Installation(url, tasks)
    finally:
        await kubectl("delete", "namespace", SERVICE, "--wait=true", "--timeout=120s")
        await delete(*volumes)
        for each in volumes:
            node = each["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]
            with contextlib.suppress(KubectlError):
                host = node["matchExpressions"][0]["values"][0]
                await on_folder(tasks, host, each["spec"]["hostPath"], "rm -rf /data/*")
