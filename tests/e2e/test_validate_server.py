"""`translator validate --server`: what the API server says of the pods, at the place in the taskYaml."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.e2e.kubectl import delete_namespace, make_namespace

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = """\
podTemplate:
  priorityClassName: no-such-class
taskSpec:
  displayName: x
  steps:
    - name: one
      image: alpine
      script: codo set-context a=b
    - name: two
      image: alpine
      script: echo
      securityContext: {runAsUser: 0}
"""


async def validate(text: str, *args: str) -> tuple[int | None, list[str], str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translator", "validate", "-", "--server", *args),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(text.encode())
    return process.returncode, out.decode().splitlines(), err.decode()


async def test_the_api_server_s_own_words_are_told_at_their_place(namespace: str) -> None:
    code, lines, err = await validate(TASK, "--namespace", namespace)
    assert (code, err) == (2, "")
    # told once, though both pods are refused for it
    [line] = lines
    assert line.startswith("<stdin>:2:22: error: podTemplate.priorityClassName: the API server refuses")
    assert "no PriorityClass with name no-such-class was found" in line
    # what we have no rule for
    one = "{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}"
    twice = TASK.replace("priorityClassName: no-such-class", f"topologySpreadConstraints: [{one}, {one}]")
    code, lines, err = await validate(twice, "--namespace", namespace)
    assert (code, err) == (2, "")
    [line] = lines
    assert line.startswith("<stdin>:2:")
    assert "podTemplate.topologySpreadConstraints[0]: the API server refuses" in line
    assert "Duplicate value" in line
    fine = TASK.replace("podTemplate:\n  priorityClassName: no-such-class\n", "")
    assert await validate(fine, "--namespace", namespace) == (0, [], "")


async def test_a_namespace_s_own_rules_are_told(namespace: str) -> None:
    strict = f"{namespace}-server"
    await make_namespace(strict, {"pod-security.kubernetes.io/enforce": "baseline"})
    try:
        fine = TASK.replace("priorityClassName: no-such-class", "enableServiceLinks: false")
        assert await validate(fine, "--namespace", strict) == (0, [], "")
    finally:
        await delete_namespace(strict)
    code, lines, err = await validate(fine, "--namespace", "no-such-namespace")
    assert (code, lines) == (3, [])
    assert "no-such-namespace" in err
