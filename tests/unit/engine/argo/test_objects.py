from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from translator.engine.argo import objects
from translator.observe import nodes


def pod(*containers: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "p",
            "namespace": "default",
            "uid": "u1",
            "managedFields": [{"manager": "kubelet"}],
            "labels": {"workflows.argoproj.io/workflow": "w", **(labels or {})},
            "annotations": {"workflows.argoproj.io/node-name": "w"},
            "ownerReferences": [{"kind": "Workflow", "uid": "w-uid"}],
        },
        "spec": {
            "nodeName": "node1",
            "activeDeadlineSeconds": 60,
            "volumes": [{"name": "big"}],
            "initContainers": [{"name": "init", "env": [{"name": "ARGO_TEMPLATE", "value": "x" * 1000}]}],
            "containers": [{"name": name, "image": "i", "env": [{"name": "A"}]} for name in containers],
        },
        "status": {"phase": "Running"},
    }


def test_paths() -> None:
    assert objects.workflow_path("a", "w") == "/apis/argoproj.io/v1alpha1/namespaces/a/workflows/w"
    assert objects.pod_path("a", "p") == "/api/v1/namespaces/a/pods/p"
    assert objects.collection(objects.CORE, "pods") == "/api/v1/pods"


def test_a_pod_belongs_to_the_workflow_that_argo_names() -> None:
    assert objects.pod_key(pod("main")) == ("default", "w")
    assert objects.is_of(pod("main"), "w-uid")
    assert not objects.is_of(pod("main"), "another")


def test_a_step_s_pod_has_it_in_main() -> None:
    assert objects.step_containers(pod("wait", "main", labels={"codo.dev/step": "build"})) == {
        "main": "build"
    }


def test_a_container_set_s_pod_has_the_steps_containers() -> None:
    assert objects.step_containers(pod("wait", "s1", "s2")) == {"s1": "s1", "s2": "s2"}


def test_a_slim_pod_keeps_what_is_read_and_no_text_of_the_user() -> None:
    slim = objects.slim_pod(pod("wait", "main"))
    assert slim["spec"] == {
        "nodeName": "node1",
        "activeDeadlineSeconds": 60,
        "initContainers": [{"name": "init", "image": ""}],
        "containers": [{"name": "wait", "image": "i"}, {"name": "main", "image": "i"}],
    }
    assert slim["status"] == {"phase": "Running"}
    assert "managedFields" not in slim["metadata"]
    assert slim["metadata"]["uid"] == "u1"


def test_a_slim_workflow_has_no_text_of_the_user() -> None:
    workflow = {
        "metadata": {"name": "w", "managedFields": []},
        "spec": {"templates": [{"name": "a", "script": {"source": "echo"}}], "templateDefaults": {}},
        "status": {
            "phase": "Running",
            "nodes": {"w": {"id": "w", "inputs": {"parameters": []}, "outputs": {"parameters": []}}},
            "storedTemplates": {"a": {}},
        },
    }
    assert objects.slim_workflow(workflow) == {
        "metadata": {"name": "w"},
        "spec": {"templates": [{"name": "a"}]},
        "status": {"phase": "Running", "nodes": {"w": {"id": "w", "outputs": {}}}},
    }


@pytest.mark.parametrize("compressed", [False, True])
def test_a_slim_workflow_tells_as_much_as_the_whole(compressed: bool) -> None:
    node = {
        "id": "w-1",
        "name": "w.build",
        "displayName": "build",
        "type": "Pod",
        "boundaryID": "w",
        "templateName": "build",
        "phase": "Failed",
        "message": "Pod was active on the node longer than the specified deadline",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:02:00Z",
        "outputs": {"exitCode": "143", "parameters": [{"name": "context", "value": "x"}]},
    }
    root = {"id": "w", "displayName": "w", "type": "DAG", "phase": "Failed", "finishedAt": node["finishedAt"]}
    found = {"w": root, "w-1": node}
    held = base64.b64encode(gzip.compress(json.dumps(found).encode())).decode()
    annotations = {"codo.dev/step-timeout": "1m0s"}
    workflow = {
        "metadata": {"name": "w", "namespace": "n", "uid": "u"},
        "spec": {
            "shutdown": "Terminate",
            "activeDeadlineSeconds": 60,
            "templates": [{"name": "build", "metadata": {"annotations": annotations}, "script": {}}],
        },
        "status": {
            "phase": "Running",
            "message": "told",
            "startedAt": node["startedAt"],
            **({"compressedNodes": held} if compressed else {"nodes": found}),
        },
    }
    sight = nodes.read(workflow)
    assert sight.steps is not None
    assert (sight.phase, sight.overdue, sight.shutdown) == ("Failed", True, "Terminate")
    assert (sight.steps["build"].timeout, sight.steps["build"].exit_code) == ("1m0s", 143)
    assert nodes.read(objects.slim_workflow(workflow)) == sight


@pytest.mark.parametrize(
    ("state", "started", "terminated"),
    [
        ({}, False, False),
        ({"waiting": {"reason": "PodInitializing"}}, False, False),
        ({"running": {"startedAt": "2026-01-01T00:00:00Z"}}, True, False),
        ({"terminated": {"startedAt": "2026-01-01T00:00:00Z", "exitCode": 0}}, True, True),
        ({"terminated": {"startedAt": None, "exitCode": 137}}, False, True),
    ],
)
def test_container_states(state: dict[str, Any], started: bool, terminated: bool) -> None:
    assert objects.has_started({"state": state}) is started
    assert objects.has_terminated({"state": state}) is terminated
