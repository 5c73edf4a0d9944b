"""Files that step pods share by a claim, where one pod for all steps cannot do what the task says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.kubectl import apply, delete, found
from tests.e2e.stage import Scene, Stage
from tests.e2e.tasks import task
from tests.e2e.told import Told

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORK = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}


@pytest_asyncio.fixture(loop_scope="session")
async def storage(namespace: str) -> AsyncIterator[str]:
    """One volume, of the storage class that the stage's service is told to use."""
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": namespace},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-shared"},
        "spec": {
            "storageClassName": namespace,
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/tmp/{namespace}-shared", "type": "DirectoryOrCreate"},
        },
    }
    await apply(storage_class, volume)
    try:
        yield namespace
    finally:
        await delete(volume, storage_class)


async def test_steps_with_pods_of_their_own_share_files(stage: Stage, storage: str) -> None:
    text = task(
        {**WORK, "script": "echo one > /work/x; exit 3", "onError": "continue"},
        {**WORK, "script": "cat /work/x; echo two >> /work/x", "timeout": "1m"},
        {**WORK, "script": "cat /work/x; rm /work/x"},
        spec={"volumes": [{"name": "work", "emptyDir": {"sizeLimit": "10Mi"}}]},
    )
    told: Told = await stage.play("shared-volume", Scene(text))
    assert told.ended == ("Succeeded", ""), told.final
    assert told.lines == {"s2": ["one"], "s3": ["one", "two"]}
    assert len({step["pod"] for step in told.final["steps"]}) == 3
    [workflow] = await found("workflows.argoproj.io", stage.namespace, f"codo.dev/task-id={told.task_id}")
    [claim] = workflow["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == storage
    assert claim["spec"]["resources"] == {"requests": {"storage": "10Mi"}}
