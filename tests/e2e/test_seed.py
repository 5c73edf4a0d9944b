"""The seed's examples: the small one as it is, the full one with what it asks a cluster for.

Each change to an example is one line of an overlay here, with its reason; nothing else is changed.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.e2e.kubectl import KubectlError, apply, delete, kubectl
from tests.e2e.stage import Scene, Stage
from tests.e2e.told import Told
from translator.observe import reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")

DATA = Path(__file__).parents[1] / "data" / "seed"
MIN = (DATA / "example.min.yaml").read_text()
FULL = (DATA / "example.full.yaml").read_text()
BATCH = json.loads((DATA / "batch.json").read_text())

Json = dict[str, Any]


def overlaid(text: str, **changes: Any) -> str:
    """An example with other values at some places (``a__1__b`` is a[1].b); None takes the key out."""
    data = copy.deepcopy(yaml.safe_load(text))
    for path, value in changes.items():
        *way, last = (int(key) if key.isdigit() else key for key in path.split("__"))
        place = data
        for key in way:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return json.dumps(data)


# The image is alpine, which has no /bin/python: as it is, the third step cannot run anywhere.
RUNNABLE_MIN = overlaid(MIN, taskSpec__steps__2__image="harbor.123u.com/public/rocky9.1-python3:latest")

RUNNABLE_FULL = overlaid(
    FULL,
    # No node can satisfy both: near a pod with security=S1, and away from every one.
    podTemplate__affinity__podAntiAffinity=None,
    # The package `floating` is the author's own: no public image has it.
    taskSpec__steps__3__script="#!/bin/python3.9\nprint('hello world')\n",
)


@pytest.mark.scene(MIN)
async def test_the_small_example_as_it_is(told: Told) -> None:
    assert told.ended == ("Failed", reasons.INTERPRETER_MISSING)
    assert [step[:2] for step in told.outcomes] == [
        ("step1", "Succeeded"),
        ("step2", "Succeeded"),
        ("step3", "Failed"),
    ]
    assert "/bin/python" in told.final["message"]
    assert told.lines == {"step1": ["Hello World step1 FOO="]}


@pytest.mark.scene(RUNNABLE_MIN, scriptParams=BATCH[0]["args"]["scriptParams"])
async def test_the_small_example_with_an_image_that_has_python(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"step1": ["Hello World step1 FOO="], "step3": ["Hello World step3 FOO=None"]}


@pytest.mark.scene(FULL)
async def test_the_full_example_on_a_cluster_that_has_nothing_of_it(told: Told) -> None:
    assert told.ended == ("Failed", reasons.OBJECT_MISSING)
    assert 'RuntimeClass "runc" not found' in told.final["message"]
    assert [step[1] for step in told.outcomes] == ["Failed", "Skipped", "Skipped", "Skipped"]


def wanted(namespace: str, node: str) -> list[Json]:
    """What the full example asks a cluster for."""
    in_namespace = {"namespace": namespace}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": node,
                "labels": {
                    "kubernetes.io/e2e-az-name": "e2e-az1",
                    "failure-domain.beta.kubernetes.io/zone": "e2e",
                },
            },
        },
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "runc"},
            "handler": "runc",
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": namespace},
            "spec": {
                "capacity": {"storage": "1Mi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": f"/tmp/{namespace}"},
                "claimRef": {**in_namespace, "name": "my-volume-claim"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**in_namespace, "name": "my-volume-claim"},
            "spec": {
                "storageClassName": "",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**in_namespace, "name": "security-s1", "labels": {"security": "S1"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "sleep",
                        "image": "library/alpine:latest",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["sleep", "600"],
                    }
                ],
            },
        },
    ]


@pytest_asyncio.fixture(loop_scope="session")
async def what_it_asks_for(namespace: str) -> AsyncIterator[None]:
    """Everything of `wanted`; what was there already stays afterwards."""
    node = (await kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")).strip()
    objects = wanted(namespace, node)
    _, runtime_class, *mine = objects
    try:
        await kubectl("get", "runtimeclass", "runc")
    except KubectlError:
        mine.append(runtime_class)
    await apply(*objects)
    await kubectl("wait", "--for=condition=Ready", "--timeout=60s", "-n", namespace, "pod/security-s1")
    try:
        yield
    finally:
        await delete(*mine)
        labels = objects[0]["metadata"]["labels"]
        await kubectl("label", "node", node, *(f"{name}-" for name in labels))


async def test_the_full_example(stage: Stage, what_it_asks_for: None) -> None:
    # less than the start grace, which would end the step first
    as_it_is = Scene(FULL, args={"timeout": 15})
    told, contradictory = await asyncio.gather(
        stage.play("full", Scene(RUNNABLE_FULL)), stage.play("full-as-it-is", as_it_is)
    )
    assert told.ended == ("Succeeded", ""), told.final
    assert told.lines == {
        "step1": ["Hello World step1 FOO=baz"],
        "step3": ["context=====123"],
        "step4-python-test": ["hello world"],
    }
    assert contradictory.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    waiting = contradictory.first(kind="step", name="step1", phase="Pending")
    assert waiting["reason"] == reasons.UNSCHEDULABLE
    assert "anti-affinity" in waiting["message"]
    assert [step[1] for step in contradictory.outcomes] == ["Skipped"] * 4
