from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from translator.engine.local.oci import must_pull, run_arguments
from translator.engine.local.placement import Bind, Placement
from translator.engine.local.plan import Container, Variable
from translator.engine.local.runner import Ready


def container(**more: Any) -> Container:
    fields: dict[str, Any] = {"step": "s", "name": "main", "image": "alpine:3", "pull_policy": ""}
    return Container(**{**fields, "command": ("/bin/sh", "-e"), "args": ("/argo/staging/script",), **more})


def test_the_command_line():
    one = container(
        env=(Variable("A", "1"), Variable("B", "$(A) {{inputs.parameters.context}}")),
        working_dir="/data",
        user=(1001, 1002),
        args=("/argo/staging/script", "$(B)"),
    )
    binds = (
        Bind("/data", Path("/run/v")),
        Bind("/argo/staging/script", Path("/run/f"), read_only=True),
    )
    ready = Ready(one, Placement(Path("/run"), binds), "wf-s-1", {"context": "c"})
    assert run_arguments(ready) == (
        *("run", "--rm", "--init", "-i", "--quiet", "--pull", "never", "--name", "wf-s-1"),
        *("-v", "/run/v:/data", "-v", "/run/f:/argo/staging/script:ro"),
        *("-e", "A=1", "-e", "B=1 c"),
        *("-w", "/data", "--user", "1001:1002", "--entrypoint", "/bin/sh"),
        *("alpine:3", "-e", "/argo/staging/script", "1 c"),
    )


def test_the_images_own_command():
    ready = Ready(container(command=(), args=("x",)), Placement(Path("/run"), ()), "n")
    assert run_arguments(ready)[-2:] == ("alpine:3", "x")
    assert "--entrypoint" not in run_arguments(ready)


@pytest.mark.parametrize(
    ("image", "policy", "present", "expected"),
    [
        ("alpine", "", True, True),
        ("alpine:latest", "", True, True),
        ("r:5000/alpine", "", True, True),
        ("r:5000/alpine:3", "", True, False),
        ("alpine@sha256:1", "", True, False),
        ("alpine:3", "", False, True),
        ("alpine:3", "Always", True, True),
        ("alpine", "IfNotPresent", True, False),
        ("alpine", "Never", False, False),
    ],
)
def test_when_an_image_is_pulled(image: str, policy: str, present: bool, expected: bool):
    assert must_pull(container(image=image, pull_policy=policy), present) == expected
