"""What deploy/ holds is taken by a real API server, and what it installs works there.

The installation needs an image of the translator that the cluster can pull, named by E2E_IMAGE; see
docs/deploy.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.e2e.installation import SERVICE, Installation, installed, is_final
from tests.e2e.kubectl import KubectlError, found, kubectl
from tests.e2e.tasks import REPOSITORY, task
from tests.e2e.test_seed import BATCH, RUNNABLE_MIN
from translator.observe import reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEPLOY = REPOSITORY / "deploy"
TEXTS = {file: file.read_text() for file in sorted(DEPLOY.glob("*.yaml")) if file.stem != "kustomization"}
FILES = [file for file in TEXTS if file.stem != "namespace"]


def component(name: str, folder: Path, **more: Any) -> None:
    """Write a kustomization with one of deploy/'s components."""
    way = os.path.relpath(DEPLOY / name, folder.resolve())
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"components": [way], **more}))


async def strictly(text: str, *where: str) -> str:
    """Have the API server check objects in every field, and keep nothing."""
    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    return await kubectl(*words, *where, "-f", "-", stdin=text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_file_by_file_into_any_namespace(file: Path, namespace: str) -> None:
    where = [] if file.name == "task-namespace.yaml" else ["-n", namespace]
    assert "serverside-applied" in await strictly(TEXTS[file], *where)


async def test_kustomize_builds_the_same_objects(namespace: str) -> None:
    built = list(yaml.safe_load_all(await kubectl("kustomize", str(DEPLOY))))
    written = [thing for text in TEXTS.values() for thing in yaml.safe_load_all(text)]
    assert sorted((t["kind"], t["metadata"]["name"]) for t in built) == sorted(
        (t["kind"], t["metadata"]["name"]) for t in written
    )
    assert {t["metadata"]["namespace"] for t in built if t["kind"] != "Namespace"} == {SERVICE, "default"}
    await strictly(TEXTS[DEPLOY / "namespace.yaml"])


async def test_the_sidecar_joins_agent_server_s_deployment(namespace: str, tmp_path: Path) -> None:
    labels = {"app.kubernetes.io/name": "agent-server"}
    own = {"name": "agent-server", "image": "agent-server:1", "ports": [{"containerPort": 8080}]}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [own]}},
    }
    meta = {"name": "agent-server", "namespace": namespace}
    theirs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    (tmp_path / "agent-server.yaml").write_text(yaml.safe_dump(theirs))
    (tmp_path / "config.yaml").write_text("SERVER-ADDRESS: http://127.0.0.1:8080\n")
    generator = [{"name": "translator", "files": ["config.yaml"]}]
    more = {"namespace": namespace, "resources": ["agent-server.yaml"], "configMapGenerator": generator}
    component("sidecar", tmp_path, **more)
    built = await kubectl("kustomize", str(tmp_path))
    await strictly(built)
    deployment = next(t for t in yaml.safe_load_all(built) if t["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert sorted(container["name"] for container in pod["containers"]) == ["agent-server", "translator"]
    assert pod["serviceAccountName"] == "translator"
    made = [t["metadata"]["name"] for t in yaml.safe_load_all(built) if t["kind"] == "ConfigMap"]
    assert [v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v] == made


async def test_monitoring(namespace: str, tmp_path: Path) -> None:
    component("monitoring", tmp_path)
    built = await kubectl("kustomize", str(tmp_path))
    try:
        await kubectl("get", "crd", "servicemonitors.monitoring.coreos.com")
    except KubectlError:
        pytest.skip("this cluster has no Prometheus operator: its ServiceMonitor is built, not checked")
    await strictly(built.replace(f"namespace: {SERVICE}", f"namespace: {namespace}"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def installation(
    namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    image = os.environ.get("E2E_IMAGE")
    if not image:
        pytest.skip("no image: E2E_IMAGE is not set (docs/deploy.md)")
    try:
        await kubectl("get", "namespace", SERVICE)
    except KubectlError:
        pass
    else:
        pytest.skip(f"this cluster has a namespace {SERVICE} already: an installation that is not ours")
    async with installed(image, namespace, tmp_path_factory.mktemp("overlay")) as made:
        yield made


async def test_it_is_installed_as_it_should_be(installation: Installation) -> None:
    pods = await found("pods", SERVICE)
    assert sorted(pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods) == [
        "translator",
        "translator",
        "translator-redis",
    ]
    assert all(status["ready"] for pod in pods for status in pod["status"]["containerStatuses"])
    one = "--for=jsonpath={.status.disruptionsAllowed}=1"
    await kubectl("wait", one, "--timeout=30s", "-n", SERVICE, "poddisruptionbudget/translator")


async def test_the_seed_s_batch(installation: Installation) -> None:
    first = BATCH[0]
    as_it_is = {**first, "args": {**first["args"], "namespace": installation.tasks}}
    mended = {**as_it_is, "taskId": "e2e-mended"}
    mended["args"] = {**as_it_is["args"], "taskYaml": RUNNABLE_MIN, "timeout": 300}
    await installation.submit([as_it_is, mended])
    told = await asyncio.wait_for(installation.events("e2e-mended", is_final), 180)
    assert told[-1]["phase"] == "Succeeded"
    lines = [line for event in told if event["kind"] == "log" for line in event["lines"]]
    assert lines == ["Hello World step1 FOO=", "Hello World step3 FOO=None"]
    # its image has no /bin/python: as it is, the third step cannot run anywhere
    told = await asyncio.wait_for(installation.events(first["taskId"], is_final), 180)
    assert (told[-1]["phase"], told[-1]["reason"]) == ("Failed", reasons.INTERPRETER_MISSING)
    assert await installation.violations() == []


async def test_a_replica_dies_while_a_task_runs(installation: Installation) -> None:
    """Each of the two in turn, so that it was the one at work; what is missed meanwhile comes later, once."""
    script = "for i in $(seq 400); do echo $i; sleep 0.1; done"
    args = {"namespace": installation.tasks, "timeout": 300, "taskYaml": task(script)}
    item = {"taskId": "e2e-replicas", "taskType": "CloudTask", "agentId": "e2e", "args": args}
    await installation.submit([item])
    await asyncio.wait_for(installation.events("e2e-replicas", lambda e: e["kind"] == "log"), 120)
    for name in await installation.replicas():
        await kubectl("delete", "pod", name, "-n", SERVICE, "--grace-period=0", "--force")
        await kubectl("rollout", "status", "deployment/translator", "-n", SERVICE, "--timeout=120s")
    told = await asyncio.wait_for(installation.events("e2e-replicas", is_final), 180)
    assert told[-1]["phase"] == "Succeeded"
    lines = [line for event in told if event["kind"] == "log" for line in event["lines"]]
    assert lines == [str(number) for number in range(1, 401)]
    assert [event["kind"] for event in told if event["kind"] == "gap"] == []
    assert await installation.violations() == []


async def test_valkey_comes_back_with_all_it_held(installation: Installation) -> None:
    args = {
        "namespace": installation.tasks,
        "timeout": 300,
        "taskYaml": task("echo begun; sleep 15; echo ended"),
    }
    item = {"taskId": "e2e-valkey", "taskType": "CloudTask", "agentId": "e2e", "args": args}
    await installation.submit([item])
    await asyncio.wait_for(installation.events("e2e-valkey", lambda e: e["kind"] == "log"), 120)
    await kubectl("delete", "pod/translator-redis-0", "-n", SERVICE, "--grace-period=0", "--force")
    told = await asyncio.wait_for(installation.events("e2e-valkey", is_final), 180)
    assert told[-1]["phase"] == "Succeeded"
    assert [line for event in told if event["kind"] == "log" for line in event["lines"]] == ["begun", "ended"]
    assert await installation.violations() == []
