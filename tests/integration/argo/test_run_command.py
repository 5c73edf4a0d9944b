"""``translator run --engine argo`` as a program, on the fake API server."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.argo.fake_api import FakeApi, sends

TASK = "taskSpec:\n  displayName: t\n  steps:\n    - {name: a, image: alpine, script: echo %s}\n"


@pytest.fixture
def kubeconfig(fake: FakeApi, tmp_path: Path) -> Path:
    """Names the fake API server."""
    file = tmp_path / "kubeconfig"
    entry = {"name": "fake"}
    file.write_text(
        yaml.safe_dump(
            {
                "clusters": [entry | {"cluster": {"server": fake.url}}],
                "users": [entry | {"user": {}}],
                "contexts": [entry | {"context": {"cluster": "fake", "user": "fake"}}],
                "current-context": "fake",
            }
        )
    )
    return file


async def controller(fake: FakeApi) -> None:
    """Plays Argo and the kubelet: each Workflow succeeds, and its step prints the Workflow's name."""
    done: set[str] = set()
    while True:
        await fake.until(lambda: any(name not in done for _, name in fake.objects["workflows"]))
        for (namespace, name), made in list(fake.objects["workflows"].items()):
            if name in done:
                continue
            done.add(name)
            fake.logs[f"{name}-a", "main"].append(sends(f"2026-01-01T00:00:06Z {name}\n".encode()))
            await fake.put("pods", _pod(namespace, made))
            await fake.put("workflows", made | {"status": _status(name)})


def _status(name: str) -> Mapping[str, Any]:
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}
    root = {"id": name, "displayName": name, "type": "DAG", "phase": "Succeeded", **times}
    node = {"id": f"{name}-1", "displayName": "a", "boundaryID": name, "type": "Pod", "phase": "Succeeded"}
    return {"phase": "Succeeded", **times, "nodes": {name: root, f"{name}-1": {**node, **times}}}


def _pod(namespace: str, made: Mapping[str, Any]) -> dict[str, Any]:
    name = made["metadata"]["name"]
    ended = {"exitCode": 0, "startedAt": "2026-01-01T00:00:05Z", "finishedAt": "2026-01-01T00:00:07Z"}
    return {
        "metadata": {
            "name": f"{name}-a",
            "namespace": namespace,
            "labels": {
                # labels that somebody has edited: it is logged that they are put back
                **made["spec"]["podMetadata"]["labels"],
                "codo.dev/agent-id": "edited",
                "codo.dev/step": "a",
                "workflows.argoproj.io/workflow": name,
            },
            "annotations": {
                "workflows.argoproj.io/node-id": f"{name}-1",
                "workflows.argoproj.io/node-name": f"{name}.a",
            },
            "ownerReferences": [{"uid": made["metadata"]["uid"]}],
        },
        "spec": {"containers": [{"name": "main"}]},
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [
                {"name": "main", "containerID": f"c-{name}", "state": {"terminated": ended}}
            ],
        },
    }


async def run(kubeconfig: Path, text: str, *options: str) -> tuple[int | None, str, str]:
    """Exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translator", "run", "-", "--engine", "argo", *options),
        env={"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(text.encode())
    return process.returncode, out.decode(), err.decode()


def commands(err: str) -> Sequence[str]:
    return [line.strip() for line in err.splitlines() if re.match(r"  (kubectl|argo) ", line)]


async def test_a_task_that_is_run_twice_runs_twice(fake: FakeApi, kubeconfig: Path) -> None:
    playing = asyncio.create_task(controller(fake))
    runs = [await run(kubeconfig, TASK % word) for word in ("same", "same", "other")]
    playing.cancel()
    with suppress(asyncio.CancelledError):
        await playing
    names = [name for _, name in sorted(fake.objects["workflows"])]
    assert len(set(names)) == 3
    for code, out, err in runs:
        name = out.strip().removeprefix("a | ")
        assert code == 0, err
        assert name in names, "stdout is for data alone"
        assert "put labels back" in err
        task_id = re.search(r"^task (run-\w{8})$", err, re.MULTILINE)
        assert task_id, err
        assert name.startswith(f"task-{task_id[1]}-")
        assert commands(err) == [
            f"kubectl get workflow.argoproj.io -n default {name}",
            f"kubectl logs -n default -l workflows.argoproj.io/workflow={name} --tail=-1 --prefix -c main",
            f"argo get -n default {name}",
            f"argo logs -n default {name}",
        ]


async def test_a_task_id_that_is_given_is_kept(fake: FakeApi, kubeconfig: Path) -> None:
    playing = asyncio.create_task(controller(fake))
    runs = [
        await run(kubeconfig, TASK % word, "--task-id", "mine", "--layout", "pod") for word in ("x", "x", "y")
    ]
    playing.cancel()
    with suppress(asyncio.CancelledError):
        await playing
    assert len(fake.objects["workflows"]) == 1
    assert [code for code, _, _ in runs] == [0, 0, 3]
    assert "exists already, with other content" in runs[2][2]
    # argo logs cannot read the pod of a container set
    assert [command.split(" -n ")[0] for command in commands(runs[0][2])] == [
        "kubectl get workflow.argoproj.io",
        "kubectl logs",
        "argo get",
    ]
    assert commands(runs[0][2])[1].endswith(" --all-containers")
    # nothing to look at later where nothing was submitted
    assert commands(runs[2][2]) == []


def _leads_astray(kubeconfig: Path, changed: Path) -> None:
    """Write a kubeconfig whose current context leads nowhere."""
    data = yaml.safe_load(kubeconfig.read_text())
    data["clusters"].append({"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}})
    data["contexts"].append({"name": "nowhere", "context": {"cluster": "nowhere", "user": "fake"}})
    changed.write_text(yaml.safe_dump(data | {"current-context": "nowhere"}))


async def test_the_settings_name_the_cluster_and_only_the_task_s_namespace_is_asked(
    fake: FakeApi, kubeconfig: Path, tmp_path: Path
) -> None:
    # the current context leads nowhere; the settings name the one that does
    config = tmp_path / "config.yaml"
    _leads_astray(kubeconfig, tmp_path / "own")
    config.write_text(f"argo: {{kubeconfig: {tmp_path}/own, context: fake, namespaces: [team-a, team-b]}}\n")
    playing = asyncio.create_task(controller(fake))
    code, _, err = await run(tmp_path / "none", TASK % "hi", "--config", str(config), "--namespace", "team-a")
    playing.cancel()
    with suppress(asyncio.CancelledError):
        await playing
    assert code == 0, err
    assert [path for _, path, _ in fake.requests if "/namespaces/team-a/" not in path] == []
    code, _, err = await run(kubeconfig, TASK % "hi", "--config", str(config), "--namespace", "team-c")
    assert code == 3
    assert "team-c: argo.namespaces has only team-a, team-b" in err


async def test_a_namespace_without_the_executor_s_token_is_said(fake: FakeApi, kubeconfig: Path) -> None:
    fake.without_token.add("default")
    code, _, err = await run(kubeconfig, TASK % "hi")
    assert code == 3
    assert "run: translator rbac default | kubectl apply -f -" in err
    assert fake.objects["workflows"] == {}
