"""``translator run`` as a program: signals, a reader that leaves, a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "translator", "run"]


@contextmanager
def running(tmp_path: Path, source: str) -> Iterator[subprocess.Popen[str]]:
    """The program with a task of one step that has printed ``ready``."""
    lines = "".join(f"        {line}\n" for line in source.splitlines())
    file = tmp_path / "task.yaml"
    file.write_text(
        "taskSpec:\n  displayName: t\n  steps:\n"
        f"    - name: one\n      image: alpine\n      script: |\n{lines}"
    )
    with subprocess.Popen(
        [*PROGRAM, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "one | ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_cancelling(tmp_path: Path, signum: signal.Signals):
    source = "trap 'echo caught; exit 0' TERM\necho ready\nsleep 60 & wait"
    with running(tmp_path, source) as process:
        process.send_signal(signum)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == "one | caught\n"
    assert re.search(rf"^task run-\w{{8}}: Cancelled: Revoked: ended by {signum.name}$", err, re.MULTILINE)
    assert "one: Failed: Revoked" in err


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path):
    source = "trap 'echo no' TERM\necho ready\nwhile :; do sleep 0.1; done"
    with running(tmp_path, source) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert "one | no\n" in process.stdout
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert time.monotonic() - began < 5
    assert "Cancelled" in err


def test_a_reader_that_leaves(tmp_path: Path):
    with running(tmp_path, "while :; do echo ready; done") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(timeout=30) == 1
        assert "Traceback" not in process.stderr.read()


def test_on_a_terminal(tmp_path: Path):
    file = tmp_path / "task.yaml"
    file.write_text(
        "taskSpec:\n  displayName: t\n  steps:\n"
        "    - {name: one, image: a, script: \"printf 'plain \\\\033[31mred\\\\033[0m\\\\033[2Jx\\\\n'\"}\n"
        "    - {name: two, image: a, script: exit 3}\n"
    )
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
    assert re.search(r"task run-\w{8}: Failed", text)
    assert text.endswith("\x1b[?25h") or "\x1b[?25h" in text
