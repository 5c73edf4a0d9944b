"""``translator run``: what it prints and how it exits. Its signals and terminals: tests/integration/local."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from translator.cli.main import app

SEED = Path(__file__).parents[4] / "shared" / "seed"


def task(*steps: str) -> str:
    return "taskSpec:\n  displayName: t\n  steps:\n" + "".join(steps)


def step(name: str, source: str, more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in source.splitlines())
    return f"    - name: {name}\n      image: alpine\n{more}      script: |\n{lines}"


def run(text: str, *options: str, file: str = "-") -> Result:
    return CliRunner().invoke(app, ["run", file, *options], input=text)


def row(stderr: str, name: str) -> list[str]:
    """The step's row in the table at the end."""
    return [line.split() for line in stderr.splitlines() if line.split()[:1] == [name]][-1]


def test_a_task_that_succeeds():
    done = run(
        task(step("one", "codo set-context a='x y'"), step("two", "echo $(codo get-context a) $codo_p")),
        "--params",
        json.dumps({"p": "{{workflow.name}}"}),
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "two | x y {{workflow.name}}\n"
    assert "note: the steps run on this machine, not in alpine" in done.stderr
    assert re.search(r"^task run-\w{8}: Succeeded$", done.stderr, re.MULTILINE)
    assert row(done.stderr, "two")[:3] == ["two", "Succeeded", "0"]


def test_a_task_that_fails():
    done = run(
        task(step("one", "echo out; exit 3"), step("two", "echo never")),
        "--task-id",
        "my task",
        "--layout",
        "dag",
    )
    assert done.exit_code == 1
    assert done.stdout == "one | out\n"
    assert "task my task: Failed: StepFailed" in done.stderr
    assert row(done.stderr, "one")[:3] == ["one", "Failed", "3"]
    assert row(done.stderr, "two") == ["two", "Skipped"]


def test_one_pod():
    done = run(
        task(step("one", "codo set-context a=1"), step("two", "codo get-context a")), "--layout", "pod"
    )
    assert (done.exit_code, done.stdout) == (0, "two | 1\n"), done.stderr


def test_the_task_deadline():
    began = time.monotonic()
    done = run(task(step("one", "echo on; sleep 60"), step("two", "true")), "--timeout", "1")
    assert time.monotonic() - began < 10
    assert done.exit_code == 1
    assert done.stdout == "one | on\n"
    message = "the task ran longer than its timeout of 1s; step one was "
    assert re.search(
        rf"^task run-\w{{8}}: TimedOut: TaskDeadlineExceeded: {message}", done.stderr, re.MULTILINE
    )
    assert row(done.stderr, "two") == ["two", "Skipped"]


def test_invalid_input():
    done = run("taskSpec: {displayName: x}\n")
    assert done.exit_code == 2
    assert done.stderr.startswith("<stdin>:1:")
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there(tmp_path: Path):
    done = run("", file=str(tmp_path / "no"))
    assert done.exit_code == 2
    assert done.stderr == f"{tmp_path}/no: cannot be read: No such file or directory\n"


def test_what_cannot_be_translated():
    done = run(task(step("one", "true", "      onError: continue\n")), "--layout", "pod")
    assert done.exit_code == 2
    assert done.stderr.startswith("<stdin>:6:")


def test_what_this_machine_lacks():
    done = run(task(step("one", "#!/opt/nosuch/ruby9\nputs 1\n")))
    assert done.exit_code == 3
    assert "error: one: /opt/nosuch/ruby9 is not on this machine" in done.stderr


def test_a_runner_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(task(step("one", "true")), "--runner", "podman")
    assert done.exit_code == 3
    assert done.stderr == "error: podman is not installed: --runner podman needs it\n"


@pytest.mark.skipif(not SEED.exists(), reason="the seed's examples are not beside this checkout")
def test_the_seeds_minimal_example():
    done = run("", "--params", '{"abc": "1"}', file=str(SEED / "example.min.yaml"))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "step1 | Hello World step1 FOO=\nstep3 | Hello World step3 FOO=None\n"
    for name in ("step1", "step2", "step3"):
        assert row(done.stderr, name)[:3] == [name, "Succeeded", "0"]
