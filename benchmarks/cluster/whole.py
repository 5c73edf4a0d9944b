"""Figure 3: a whole task, from its submission to its final status, beside ``argo submit --wait``."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cluster
from figures import Report
from service import Service

ROUNDS = 7

THREE_STEPS = """
taskSpec:
  displayName: whole
  steps:
    - name: step1
      timeout: "60s"
      image: library/alpine:latest
      script: |
        #!/bin/sh
        echo "Hello World step1 FOO=$FOO"
    - name: step2
      image: library/alpine:latest
      command: [ codo ]
      args: [ "set-context", "abc=123" ]
    - name: step3
      image: library/alpine:latest
      script: |
        #!/bin/sh
        echo "context=$(codo get-context abc)"
"""


def measure(service: Service, folder: Path, report: Report) -> None:
    """Turn by turn, so that a noisy machine disturbs both alike."""
    file = folder / "task.yaml"
    file.write_text(THREE_STEPS)
    ours, argo = [], []
    for _ in range(ROUNDS):
        ours.append(_ours(service))
        argo.append(_argo(service.namespace, file))
    report.note(f"a task of three steps, submission to final status, {ROUNDS} rounds ({cluster.load()})")
    report.note(f"    argo submit --wait: {_median(argo)}")
    report.note(f"    translator serve: {_median(ours)}")
    report.figure("  serve / argo", statistics.median(ours) / statistics.median(argo), 1.05)


def _ours(service: Service) -> float:
    start = time.time()
    told = service.until_final(service.submit(THREE_STEPS))
    arrived, event = told[-1]
    if event["phase"] != "Succeeded":
        raise SystemExit(f"the task ended {event}")
    return arrived - start


def _argo(namespace: str, file: Path) -> float:
    task_id = f"argo-{secrets.token_hex(4)}"
    render = [sys.executable, "-m", "translator", "render", "--standalone"]
    rendered = subprocess.run(
        [*render, "--namespace", namespace, "--task-id", task_id, str(file)], capture_output=True, check=True
    ).stdout
    (manifest,) = (item for item in json.loads(rendered)["items"] if item["kind"] == "Workflow")
    start = time.time()
    done = subprocess.run(
        ["argo", "submit", "--wait", "-n", namespace, "-"],
        input=json.dumps(manifest),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"argo submit: {done.stdout}{done.stderr}")
    return time.time() - start


def _median(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
