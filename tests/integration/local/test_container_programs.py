"""``--runner docker``, with a program of that name that runs the commands here (no daemon is needed)."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.local.scenario import alive, container, content, dag, script, until, watch
from translator.engine.local.engine import LocalEngine
from translator.errors import TemporaryError

DOCKER = """#!{python} -IS
import os, sys
with open({journal!r}, "a") as journal:
    journal.write(" ".join(sys.argv[1:3]) + "\\n")
verb, words = sys.argv[1], sys.argv[2:]
if verb == "ps":
    sys.exit({daemon})
if verb == "pull" and "nosuch" in words[-1]:
    sys.exit("pulling\\nError response from daemon: manifest unknown")
if verb == "image":
    sys.exit(1)
if verb != "run":
    sys.exit(0)
mounts, env, command, cwd = [], dict(PATH=os.environ["PATH"]), [], "/"
while words[0].startswith("-"):
    option = words.pop(0)
    if option in ("--rm", "--init", "-i", "--quiet"):
        continue
    value = words.pop(0)
    if option == "-v":
        mounts.append(value.split(":")[:2])
    elif option == "-e":
        env.update([value.split("=", 1)])
    elif option == "-w":
        cwd = value
    elif option == "--entrypoint":
        command = [value]
command += words[1:]
def here(text):
    for source, target in mounts:
        if text == target or text.startswith(target + "/"):
            return source + text[len(target):]
    return text
env["PATH"] = ":".join(os.path.dirname(source) for source, target in mounts) + ":" + env["PATH"]
os.chdir(here(cwd))
env = {{key: here(value) for key, value in env.items()}}
os.execvpe(here(command[0]), [here(word) for word in command], env)
"""


def install(folder: Path, *, daemon: int = 0) -> dict[str, str]:
    """Put the program on a PATH of its own."""
    folder.mkdir()
    docker = folder / "docker"
    python = Path(sys.executable).resolve()
    docker.write_text(DOCKER.format(python=python, journal=str(folder / "journal"), daemon=daemon))
    docker.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(
        root=tmp_path / "runs", runner="docker", grace=0.3, environment=install(tmp_path / "bin")
    )
    await engine.start()
    yield engine
    await engine.close()


async def test_a_task(docker: LocalEngine, tmp_path: Path):
    mounts = [{"name": "data", "mountPath": "/codo-test"}]
    steps = [
        script("a", 'echo "$FROM $1"; cp "$FROM" "$OUT"; exit 3', go_on=True, volumeMounts=mounts),
        container("b", ["/bin/sh", "-c"], ["echo b; pwd"], volumeMounts=mounts, workingDir="/codo-test"),
    ]
    steps[0]["script"]["env"] = [
        {"name": "OUT", "value": "/codo-out/x"},
        {"name": "FROM", "value": "/argo/staging/script"},
    ]
    steps[0]["outputs"] = {"parameters": [{"name": "x", "valueFrom": {"path": "/codo-out/x"}}]}
    told = await watch(docker, await docker.submit(dag(*steps, volumes=[{"name": "data", "emptyDir": {}}])))
    assert told.phase == "Succeeded"
    assert told.node("a") == ("Failed", "main: Error (exit code 3)", "3")
    assert told.nodes["a"]["outputs"]["parameters"][0]["value"].startswith('echo "$FROM')
    assert told.lines["b"][0] == "b"
    verbs = [line.split()[0] for line in content(tmp_path / "bin" / "journal").splitlines()]
    assert verbs == ["ps", "image", "pull", "run", "rm", "image", "pull", "run", "rm"]


async def test_an_image_that_cannot_be_pulled(docker: LocalEngine):
    told = await watch(docker, await docker.submit(dag(script("a", "true", image="nosuch:1"))))
    message = "cannot pull image nosuch:1: Error response from daemon: manifest unknown"
    assert told.node("a") == ("Error", message, None)
    assert told.phase == "Error"


async def test_a_container_is_removed_when_its_step_is_ended(docker: LocalEngine, tmp_path: Path):
    source = f"echo $$ >{tmp_path}/pid; trap '' TERM; while :; do sleep 1; done"
    ref = await docker.submit(dag(script("a", source)))
    await until(lambda: content(tmp_path / "pid") != "")
    await docker.terminate(ref)
    told = await watch(docker, ref)
    assert told.node("a")[2] == "137"
    assert not alive(int(content(tmp_path / "pid")))
    last = content(tmp_path / "bin" / "journal").splitlines()[-1]
    assert last == "rm --force"


async def test_a_daemon_that_does_not_answer(tmp_path: Path):
    engine = LocalEngine(
        root=tmp_path / "runs", runner="docker", environment=install(tmp_path / "bin", daemon=1)
    )
    with pytest.raises(TemporaryError, match="docker does not answer"):
        await engine.start()


async def test_a_program_that_is_not_installed(tmp_path: Path):
    engine = LocalEngine(root=tmp_path / "runs", runner="podman", environment={"PATH": str(tmp_path)})
    with pytest.raises(TemporaryError, match="podman is not installed"):
        await engine.start()
