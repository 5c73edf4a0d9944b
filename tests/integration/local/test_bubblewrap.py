"""What a step with mounts of its own is shown, and that this machine's own files stay as they are."""

from __future__ import annotations

import pytest

from tests.integration.local.scenario import container, dag, mounts_work, script, there, watch
from translator.engine.local.engine import LocalEngine
from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.translate import translate

pytestmark = pytest.mark.skipif(not mounts_work(), reason="a step cannot have mounts of its own here")


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


async def test_a_step_sees_sigterm(engine: LocalEngine):
    source = "trap 'echo caught; exit 9' TERM; sleep 60 & wait"
    told = await watch(engine, await engine.submit(dag(script("a", source, timeout="400ms"))))
    assert told.lines["a"] == ["caught"]
    assert told.node("a")[2] == "9"


async def test_codo_is_found_whatever_a_shell_makes_of_the_path(engine: LocalEngine):
    """It is /usr/local/bin/codo, as on a cluster: a login shell sets PATH anew, and a script may."""
    parsed = parse_task(LOGIN_SHELL, task_id="t1")
    assert parsed.task is not None, parsed.problems
    rendered = translate(parsed.task, attempt=1, options=Options(), template=load_template())
    told = await watch(engine, await engine.submit(rendered))
    assert told.phase == "Succeeded", told.lines
    assert [told.lines[step][-1] for step in "abcd"] == ["rc=0"] * 4


LOGIN_SHELL = """
taskSpec:
  displayName: login shell
  steps:
    - name: a
      image: debian:12
      script: |
        #!/bin/bash -l
        codo set-context a=1
        echo "rc=$?"
    - name: b
      image: debian:12
      command: [bash, -lc]
      args: ["codo get-context a; echo rc=$?"]
    - name: c
      image: debian:12
      env: [{name: PATH, value: "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin"}]
      script: |
        codo get-context a; echo "rc=$?"
    - name: d
      image: debian:12
      script: |
        #!/bin/sh
        export PATH=/opt/x/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        codo get-context a; echo "rc=$?"
"""
