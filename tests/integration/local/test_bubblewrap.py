"""What bubblewrap shows a step, and that this machine's own files stay as they are."""

from __future__ import annotations

import pytest

from tests.integration.local.scenario import bubblewrap_works, container, dag, script, there, watch
from translator.engine.local.engine import LocalEngine

pytestmark = pytest.mark.skipif(not bubblewrap_works(), reason="bubblewrap is not installed or does not work")


@pytest.fixture
def bubblewrap() -> bool:
    return True


@pytest.mark.parametrize(
    "target",
    [
        "/codo-test/a/b",
        "/usr/local/bin/codo-test",
        "/var/run/codo-test",
        "/tmp",
        "/usr/share/codo-test",
        "/opt",
    ],
)
async def test_a_mount_appears_at_its_path(engine: LocalEngine, target: str):
    before = there(target)
    mounts = [{"name": "data", "mountPath": target}]
    source = f"ls -A {target}; touch {target}/x; ls {target}; ls /bin/sh; cd /; echo $PWD"
    task = dag(
        script("a", source, volumeMounts=mounts, workingDir=target),
        volumes=[{"name": "data", "emptyDir": {}}],
    )
    told = await watch(engine, await engine.submit(task))
    assert told.lines["a"] == ["x", "/bin/sh", "/"], told.node("a")
    assert there(target) == before
    assert not there(f"{target}/x")


async def test_a_mount_over_a_file(engine: LocalEngine):
    mounts = [{"name": "files", "mountPath": "/etc/hostname", "subPath": "name"}]
    volumes = [{"name": "files", "configMap": {"name": "wf-files"}}]
    told = await watch(
        engine,
        await engine.submit(
            dag(
                container("a", ["cat", "/etc/hostname"], volumeMounts=mounts),
                volumes=volumes,
                files={"name": "mine"},
            )
        ),
    )
    assert told.lines["a"] == ["mine"]


async def test_what_the_config_map_gives_cannot_be_written(engine: LocalEngine):
    mounts = [{"name": "files", "mountPath": "/codo-test"}]
    volumes = [{"name": "files", "configMap": {"name": "wf-files"}}]
    body = script("a", "echo x >/codo-test/name", volumeMounts=mounts)
    told = await watch(engine, await engine.submit(dag(body, volumes=volumes, files={"name": "mine"})))
    assert told.phase == "Failed"
    assert "Read-only" in told.lines["a"][0]


async def test_nested_mounts(engine: LocalEngine):
    mounts = [
        {"name": "files", "mountPath": "/codo-test/in/name", "subPath": "name"},
        {"name": "data", "mountPath": "/codo-test"},
        {"name": "other", "mountPath": "/codo-test/in"},
    ]
    volumes = [
        {"name": "files", "configMap": {"name": "wf-files"}},
        {"name": "data", "emptyDir": {}},
        {"name": "other", "emptyDir": {}},
    ]
    body = script("a", "cat /codo-test/in/name; touch /codo-test/f; ls /codo-test", volumeMounts=mounts)
    told = await watch(engine, await engine.submit(dag(body, volumes=volumes, files={"name": "mine\n"})))
    assert told.lines["a"] == ["mine", "f", "in"]


async def test_a_step_in_bubblewrap_sees_sigterm(engine: LocalEngine):
    source = "trap 'echo caught; exit 9' TERM; sleep 60 & wait"
    told = await watch(engine, await engine.submit(dag(script("a", source, timeout="400ms"))))
    assert told.lines["a"] == ["caught"]
    assert told.node("a")[2] == "9"
