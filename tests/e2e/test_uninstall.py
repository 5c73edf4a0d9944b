"""Taking the translator away: a namespace that is deleted goes, and `translator uninstall` lets go of all."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kubectl import (
    LOG_FINALIZER,
    WORKFLOWS,
    apply,
    delete_namespace,
    found,
    kubectl,
    make_namespace,
)
from tests.e2e.stage import Play, Scene, Stage
from tests.e2e.tasks import task

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_namespace_that_is_deleted_while_a_task_runs_goes(stage: Stage, namespace: str) -> None:
    going = f"{namespace}-going"
    await make_namespace(going)

    async def delete(play: Play) -> None:
        await play.line("begun")
        await kubectl("delete", "namespace", going, "--wait=false")

    try:
        script = "trap 'echo term' TERM; echo begun; while :; do sleep 0.2; done"
        told = await stage.play("going", Scene(task(script), delete, {"namespace": going}))
        assert told.final["phase"] in ("Failed", "Error")
        await kubectl("wait", "--for=delete", f"namespace/{going}", "--timeout=60s")
    finally:
        await delete_namespace(going)


def held(namespace: str, task_id: str, whose: str, **spec: Any) -> list[Mapping[str, Any]]:
    """What a service leaves that was stopped for good: a Workflow that nobody lets go of, and its objects."""
    name = f"task-{task_id}-0123456789ab-a1"
    labels = {"codo.dev/task-id": task_id, "codo.dev/attempt": "1", "codo.dev/shard": "1"}
    annotations = {"codo.dev/task-id": task_id, "codo.dev/installation": whose}
    metadata = {"namespace": namespace, "labels": labels, "annotations": annotations}
    return [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {**metadata, "name": name, "finalizers": [LOG_FINALIZER]},
            "spec": {"entrypoint": "a", "templates": [{"name": "a", "suspend": spec}]},
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "name": f"{name}-files"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": f"{name}-secrets"}},
    ]


async def uninstall(*args: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translator", "uninstall", *args),
        env={**os.environ, "TRANSLATOR_INSTALLATION": "ours"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def left(namespace: str) -> dict[str, list[str]]:
    """What there is with our label or finalizer."""
    workflows = await found(WORKFLOWS, namespace)
    return {
        "held": sorted(
            each["metadata"]["labels"]["codo.dev/task-id"]
            for each in workflows
            if LOG_FINALIZER in each["metadata"].get("finalizers", ())
        ),
        **{
            kind: sorted(
                each["metadata"]["labels"]["codo.dev/task-id"]
                for each in await found(kind, namespace, "codo.dev/task-id")
            )
            for kind in ("configmaps", "secrets")
        },
    }


async def test_uninstall_lets_go_of_this_installation_and_of_no_other(namespace: str, tmp_path: Path) -> None:
    del tmp_path
    place = f"{namespace}-leaving"
    await make_namespace(place)
    try:
        # it ends at once; waits for ever; another installation's
        await apply(
            *held(place, "ended", "ours", duration="0"),
            *held(place, "runs", "ours"),
            *held(place, "theirs", "another", duration="0"),
        )
        for name in ("ended", "theirs"):
            phase = "--for=jsonpath={.status.phase}=Succeeded"
            ref = f"workflow.argoproj.io/task-{name}-0123456789ab-a1"
            await kubectl("wait", phase, "--timeout=60s", "-n", place, ref)
        everything = ["ended", "runs", "theirs"]
        before = {"held": everything, "configmaps": everything, "secrets": everything}
        code, out, err = await uninstall(place)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            f"of the installation ours, in {place}:",
            "  let go of 2 Workflows, 1 of which run, and run on",
            "  delete 1 ConfigMaps and 1 Secrets",
            "  leave 3 objects of the installation another",
            "nothing was done: --yes does it",
        ]
        assert await left(place) == before
        code, out, err = await uninstall(place, "--yes")
        assert (code, err, out.splitlines()[-1]) == (0, "", "done")
        kept = ["runs", "theirs"]
        assert await left(place) == {"held": ["theirs"], "configmaps": kept, "secrets": kept}
        assert len(json.loads(await kubectl("get", WORKFLOWS, "-n", place, "-o", "json"))["items"]) == 3
        assert (await uninstall(place, "--yes"))[1].splitlines()[1] == "  let go of 0 Workflows"
    finally:
        await delete_namespace(place)
