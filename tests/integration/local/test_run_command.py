"""``translator run``, as a program: from a taskYaml to its exit code."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SEED = Path(__file__).parents[4] / "shared" / "seed"
PROGRAM = [sys.executable, "-m", "translator", "run"]


def task(*steps: str, head: str = "") -> str:
    return f"{head}taskSpec:\n  displayName: t\n  steps:\n" + "".join(steps)


def step(name: str, source: str, more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in source.splitlines())
    return f"    - name: {name}\n      image: alpine\n{more}      script: |\n{lines}"


def run(text: str, *options: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "-", *options], input=text, text=True, capture_output=True, timeout=30, check=False, **more
    )


def row(stderr: str, name: str) -> list[str]:
    """The step's row in the table at the end."""
    return [line.split() for line in stderr.splitlines() if line.split()[:1] == [name]][-1]


def test_a_task_that_succeeds():
    done = run(
        task(step("one", "codo set-context a='x y'"), step("two", "echo $(codo get-context a) $codo_p")),
        "--params",
        json.dumps({"p": "{{workflow.name}}"}),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "two | x y {{workflow.name}}\n"
    assert "note: the steps run on this machine, not in alpine" in done.stderr
    assert "task run: Succeeded" in done.stderr
    assert row(done.stderr, "two")[:3] == ["two", "Succeeded", "0"]


def test_a_task_that_fails():
    done = run(
        task(step("one", "echo out; exit 3"), step("two", "echo never")), "--task-id", "my task", "--layout", "dag"
    )
    assert done.returncode == 1
    assert done.stdout == "one | out\n"
    assert "task my task: Failed: StepFailed" in done.stderr
    assert row(done.stderr, "one")[:3] == ["one", "Failed", "3"]
    assert row(done.stderr, "two") == ["two", "Skipped"]


def test_one_pod():
    done = run(task(step("one", "codo set-context a=1"), step("two", "codo get-context a")), "--layout", "pod")
    assert (done.returncode, done.stdout) == (0, "two | 1\n"), done.stderr


def test_the_task_deadline():
    began = time.monotonic()
    done = run(task(step("one", "echo on; sleep 60"), step("two", "true")), "--timeout", "1")
    assert time.monotonic() - began < 10
    assert done.returncode == 1
    assert done.stdout == "one | on\n"
    assert "task run: TimedOut: TaskDeadlineExceeded: the task's 1 s are over" in done.stderr
    assert row(done.stderr, "two") == ["two", "Skipped"]


def test_invalid_input():
    done = run("taskSpec: {displayName: x}\n")
    assert done.returncode == 2
    assert done.stderr.startswith("<stdin>:1:")
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there(tmp_path: Path):
    done = subprocess.run(
        [*PROGRAM, str(tmp_path / "no")], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}/no: No such file or directory\n"


def test_what_cannot_be_translated():
    done = run(task(step("one", "true", "      onError: continue\n")), "--layout", "pod")
    assert done.returncode == 2
    assert done.stderr.startswith("<stdin>:6:")


def test_what_this_machine_lacks():
    done = run(task(step("one", "#!/opt/nosuch/ruby9\nputs 1\n")))
    assert done.returncode == 3
    assert "error: one: /opt/nosuch/ruby9 is not on this machine" in done.stderr


def test_a_runner_that_is_not_installed(tmp_path: Path):
    done = run(task(step("one", "true")), "--runner", "podman", env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 3
    assert done.stderr == "error: podman is not installed: --runner podman needs it\n"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_cancelling(signum: signal.Signals):
    source = "trap 'echo caught; exit 0' TERM\necho ready\nsleep 60 & wait"
    text = task(step("one", source), step("two", "true"))
    process = subprocess.Popen(
        [*PROGRAM, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline() == "one | ready\n"
    process.send_signal(signum)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == "one | caught\n"
    assert f"task run: Cancelled: Revoked: ended by {signum.name}" in err
    assert row(err, "one")[:2] == ["one", "Failed"]


def test_a_second_ctrl_c_does_not_wait():
    source = "trap 'echo no' TERM\necho ready\nwhile :; do sleep 0.1; done"
    process = subprocess.Popen(
        [*PROGRAM, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(task(step("one", source)))
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline() == "one | ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "one | no\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert time.monotonic() - began < 5
    assert "Cancelled" in err


def test_a_reader_that_leaves():
    text = task(step("one", "while :; do echo y; done"))
    process = subprocess.Popen(
        [*PROGRAM, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(text)
    process.stdin.close()
    assert process.stdout.readline() == "one | y\n"
    process.stdout.close()
    assert process.wait(timeout=30) == 1
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_on_a_terminal(tmp_path: Path):
    file = tmp_path / "task.yaml"
    file.write_text(task(step("one", "printf 'plain \\033[31mred\\033[0m\\033[2Jx\\n'"), step("two", "exit 3")))
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, str(file)], stdin=side, stdout=side, stderr=side, env={**os.environ, "TERM": "xterm"}
    )
    os.close(side)
    shown = b""
    while True:
        assert select.select([main], [], [], 30)[0]
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(main)
    assert process.wait(timeout=10) == 1
    text = shown.decode()
    assert "plain" in text
    assert "\x1b[2J" not in text
    assert "STEP" in text
    assert "task run: Failed" in text
    assert text.endswith("\x1b[?25h") or "\x1b[?25h" in text


@pytest.mark.skipif(not SEED.exists(), reason="the seed's examples are not beside this checkout")
def test_the_seeds_minimal_example():
    done = subprocess.run(
        [*PROGRAM, str(SEED / "example.min.yaml"), "--params", '{"abc": "1"}', "--timeout", "60"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "step1 | Hello World step1 FOO=\nstep3 | Hello World step3 FOO=None\n"
    for name in ("step1", "step2", "step3"):
        assert row(done.stderr, name)[:3] == [name, "Succeeded", "0"]
