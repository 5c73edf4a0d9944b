"""taskYaml for the tests: what the steps run, written as short as it can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ALPINE = "ccr.ccs.tencentyun.com/library/alpine:latest"
PYTHON = "harbor.123u.com/public/rocky9.1-python3:latest"

REPOSITORY = Path(__file__).parents[2]

CLOCK = "while cut -d' ' -f1 /proc/uptime; do sleep 0.1; done"
"""A script that writes the time, in seconds, until somebody ends it."""

NOWHERE = {"nodeSelector": {"no": "such-node"}}
"""A podTemplate that no node satisfies."""


def task(*steps: str | Mapping[str, Any], spec: Mapping[str, Any] | None = None, **top: Any) -> str:
    """A taskYaml (JSON is YAML) of scripts, or of steps; they are called s1, s2 and so on.

    Args:
        steps: in order.
        spec: more of taskSpec.
        top: more beside taskSpec.
    """
    named = [
        {
            "name": f"s{number}",
            "image": ALPINE,
            "imagePullPolicy": "IfNotPresent",
            **({"script": step} if isinstance(step, str) else step),
        }
        for number, step in enumerate(steps, 1)
    ]
    return json.dumps({**top, "taskSpec": {"displayName": "e2e", **(spec or {}), "steps": named}})
