"""The Dockerfile's image, where there is something to build it with."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.tasks import REPOSITORY
from translator import __version__

LARGEST = 150 * 1000 * 1000
"""Bytes, unpacked."""

TAG = "translator:e2e"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def builder() -> str:
    for name in ("docker", "podman"):
        if shutil.which(name) and run(name, "info").returncode == 0:
            return name
    pytest.skip("no image builder: neither docker nor podman runs here")


@pytest.fixture(scope="module")
def image(builder: str) -> Iterator[dict[str, Any]]:
    """What the builder says of the image."""
    built = run(builder, "build", "--tag", TAG, str(REPOSITORY))
    assert built.returncode == 0, built.stderr
    yield json.loads(run(builder, "image", "inspect", TAG).stdout)[0]
    run(builder, "image", "rm", TAG)


def test_nobody_in_particular_runs_it(image: dict[str, Any]) -> None:
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"]["Entrypoint"] == ["translator"]


def test_it_is_small(image: dict[str, Any]) -> None:
    assert image["Size"] <= LARGEST


def test_it_runs_with_a_read_only_root(builder: str, image: dict[str, Any]) -> None:
    strict = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    said = run(builder, "run", *strict, TAG, "--version")
    assert said.stdout == f"translator {__version__}\n", said.stderr
    rendered = run(builder, "run", *strict, TAG, "rbac", "team-a")
    assert "namespace: team-a" in rendered.stdout, rendered.stderr


def test_it_has_no_shell(builder: str, image: dict[str, Any]) -> None:
    assert run(builder, "run", "--rm", "--entrypoint=/bin/sh", TAG, "-c", "true").returncode != 0


def test_it_starts_with_its_own_valkey_and_ends_by_sigterm(builder: str, image: dict[str, Any]) -> None:
    options = (
        "--detach",
        "--env=TRANSLATOR_API_TOKEN=sesam",
        "--read-only",
        "--tmpfs=/tmp",
        "--cap-drop=ALL",
    )
    serve = ("serve", "--agent-server=http://127.0.0.1:9", "--listen=0.0.0.0:8080")
    started = run(builder, "run", *options, TAG, *serve)
    assert started.returncode == 0, started.stderr
    name = started.stdout.strip()
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/readyz').status)"
    retry = f"import time\nfor _ in range(60):\n try:\n  {ask}\n  break\n except OSError:\n  time.sleep(.5)"
    try:
        assert run(builder, "exec", name, "python", "-c", retry).stdout == "200\n", run(builder, "logs", name)
        run(builder, "stop", "--time=30", name)
        assert json.loads(run(builder, "inspect", name).stdout)[0]["State"]["ExitCode"] == 0
    finally:
        run(builder, "rm", "--force", "--volumes", name)
