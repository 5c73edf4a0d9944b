"""A controller whose defaults delete pods and Workflows at once takes no log from us.

The defaults are the whole cluster's, so this runs last, and only where nobody else's Workflow runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.kubectl import found, kubectl
from tests.e2e.serve import served
from tests.e2e.stage import Scene
from tests.e2e.tasks import task

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEFAULTS = """\
spec:
  podGC: {strategy: OnPodCompletion}
  ttlStrategy: {secondsAfterCompletion: 5}
"""

CONFIG = "workflow-controller-configmap"

PEER: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"name": "peer"},
    "spec": {
        "entrypoint": "echo",
        "templates": [
            {"name": "echo", "container": {"image": "library/alpine:latest", "command": ["echo", "peer"]}}
        ],
    },
}
"""A Workflow that leaves everything to the defaults: it shows that they hold."""


async def patch_controller(defaults: str | None) -> None:
    change = json.dumps({"data": {"workflowDefaults": defaults}})
    await kubectl("patch", "configmap", CONFIG, "-n", "argo", "--type=merge", "-p", change)


@pytest_asyncio.fixture(loop_scope="session")
async def hasty_controller(namespace: str) -> AsyncIterator[None]:
    """The controller with `DEFAULTS`, for as long as the test runs."""
    maps = [each for each in await found("configmap", "argo") if each["metadata"]["name"] == CONFIG]
    if not maps:
        pytest.skip(f"the controller's ConfigMap is not argo/{CONFIG}")
    if (maps[0].get("data") or {}).get("workflowDefaults"):
        pytest.skip("the controller has workflowDefaults of its own")
    for workflow in await found("workflows.argoproj.io", "", "workflows.argoproj.io/completed!=true"):
        if workflow["metadata"]["namespace"] != namespace:
            pytest.skip("somebody else's Workflow runs on this cluster")
    await patch_controller(DEFAULTS)
    try:
        await asyncio.sleep(2)  # the controller watches its ConfigMap
        yield
    finally:
        await patch_controller(None)


async def test_no_default_takes_a_log(namespace: str, tmp_path: Path, hasty_controller: None) -> None:
    await kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(PEER))
    script = "echo begun; sleep 2; seq 1 30000; echo ended"
    async with served(namespace, tmp_path) as (stage, serve):
        play = await stage.submit("hasty", Scene(task(script, "echo last")))
        await play.line("begun")
        await serve.kill()
        await kubectl("wait", "--for=delete", "--timeout=60s", "-n", namespace, "workflow.argoproj.io/peer")
        await asyncio.sleep(20)  # both steps end, and what the defaults say of pods and Workflows is due
        await serve.start()
        told = await asyncio.wait_for(stage.told(play.task_id), 60)
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"s1": ["begun", *map(str, range(1, 30001)), "ended"], "s2": ["last"]}
    assert told.gaps == []
