from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from translator.engine.local.plan import Container
from translator.engine.local.process import Ended
from translator.engine.local.status import SHUTDOWN, node_id, not_found, outcome

RECORDINGS = Path(__file__).parents[5] / "shared" / "argo-recordings" / "4.1"


def last_nodes(name: str) -> dict[str, dict[str, Any]]:
    if not RECORDINGS.exists():
        pytest.skip("the recordings of a real Argo are not beside this checkout")
    objects = [
        json.loads(line)["object"] for line in (RECORDINGS / name / "events.jsonl").read_text().splitlines()
    ]
    workflow = [one for one in objects if one["kind"] == "Workflow"][-1]
    return {node["displayName"]: node for node in workflow["status"]["nodes"].values()}


def container() -> Container:
    return Container("s", "main", "alpine", "", ("x",), ())


def test_node_ids_are_argos():
    for name in ("fails", "terminated"):
        for node in last_nodes(name).values():
            assert node_id(name, node["name"]) == node["id"]


@pytest.mark.parametrize(
    ("recording", "step", "ended"),
    [
        ("fails", "bad", Ended(3)),
        ("fails", "ok", Ended(0)),
        ("step-timeout", "slow", Ended(143, "deadline")),
        ("terminated", "long", Ended(143, "terminated")),
    ],
)
def test_outcomes_read_as_argos_do(recording: str, step: str, ended: Ended):
    node = last_nodes(recording)[step]
    end = outcome(ended, container(), "/bin/sh", "")
    assert (end.phase, end.message) == (node["phase"], node.get("message", ""))


def test_a_missing_interpreter_reads_as_argos_does():
    node = last_nodes("not-executable")["noexec"]
    end = not_found(container(), "/bin/nosuch")
    assert (end.phase, end.message, str(end.exit_code)) == (
        node["phase"],
        node["message"],
        node["outputs"]["exitCode"],
    )


@pytest.mark.parametrize(
    ("ended", "stopped", "phase", "message"),
    [
        (Ended(None, "vanished"), "", "Error", "pod deleted"),
        (Ended(0, "terminated"), "Step exceeded its deadline", "Failed", "Step exceeded its deadline"),
        (Ended(0, "terminated"), "", "Failed", SHUTDOWN),
        (Ended(3), SHUTDOWN, "Failed", "main: Error (exit code 3)"),
        (
            Ended(None, "exec", 13),
            "",
            "Failed",
            'main: Error (exit code 64): failed to find name in PATH: exec: "/x/Y": permission denied',
        ),
        (Ended(None, "chdir", 2), "", "Failed", "main: StartError (exit code 128): no working directory ."),
        (
            Ended(None, "sandbox"),
            "",
            "Failed",
            "main: StartError (exit code 128): the step's mounts could not be made; the log says why",
        ),
    ],
)
def test_other_outcomes(ended: Ended, stopped: str, phase: str, message: str):
    end = outcome(ended, container(), "/x/Y", stopped)
    assert (end.phase, end.message) == (phase, message)
