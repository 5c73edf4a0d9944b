"""The pages' shell commands do what the pages say: they are run from top to bottom, as a reader would.

A block with ``title="terminal"`` goes on running while the rest is done; one with ``title="on a cluster"`` is
only read, since the e2e tests do the same there.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh(?P<title>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = ["README.md", "docs/quick-start.md"]
"""Their translations have the same commands: test_translations.py sees to it."""


RECIPE = re.compile(r"^\./just (\w[\w-]*).*$", re.MULTILINE)
"""These make the environment that the tests run in, or run the tests: they are only looked up."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like the checkout, in which commands may leave files."""
    for path in ROOT.iterdir():
        if path.name not in {".git", "build"}:
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextmanager
def running(command: str, cwd: Path, env: dict[str, str]) -> Iterator[None]:
    """A command in a terminal of its own, once it listens."""
    log = cwd / f"{time.monotonic_ns()}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=cwd, env=env, stdout=stream, stderr=stream
        )
    try:
        deadline = time.monotonic() + 60
        while "listening on" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@pytest.mark.skipif(not (ROOT / ".venv").is_dir(), reason="the pages begin with ./just, which makes .venv")
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of(page: str, checkout: Path):
    text = (ROOT / page).read_text()
    for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text))):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TRANSLATOR_", "COV"))}
    env |= {"TRANSLATOR_DATA_DIR": str(checkout / "data"), "PATH": f"{ROOT}/.venv/bin:{env['PATH']}"}
    blocks = [(found["title"], RECIPE.sub("", found["text"])) for found in BLOCK.finditer(text)]
    script = ["set -e"]
    terminals = [running(block.strip(), checkout, env) for title, block in blocks if "terminal" in title]
    script += [block for title, block in blocks if not title]
    for _, block in blocks:
        subprocess.run(["bash", "-n", "-c", block], check=True, timeout=60)
    with ExitStack() as stack:
        for terminal in terminals:
            stack.enter_context(terminal)
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=checkout,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_every_recipe_that_a_page_names_exists():
    recipes = set(re.findall(r"^([\w-]+)[^:=\n]*:(?!=)", (ROOT / "Justfile").read_text(), re.MULTILINE))
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        named = set(re.findall(r"\./just (\w[\w-]*)", page.read_text()))
        assert named <= recipes, page
