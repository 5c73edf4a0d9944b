"""docs/api.md says the truth: its examples, from top to bottom, against a running service."""

from __future__ import annotations

import json
import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLE = re.compile(
    r"^```http\n(\w+) (\S+)\n\n?(.*?)```\n```json (\d+)\n(.*?)```$", re.DOTALL | re.MULTILINE
)


def missing(shown, got, path=""):
    """Where an answer lacks what the document shows of it."""
    if isinstance(shown, dict) and isinstance(got, dict):
        absent = [f"{path}.{key}" for key in shown if key not in got]
        return absent + [
            w for key in shown if key in got for w in missing(shown[key], got[key], f"{path}.{key}")
        ]
    if isinstance(shown, list) and isinstance(got, list):
        if len(shown) != len(got):
            return [f"{path}: {len(got)} instead of {len(shown)}"]
        return [
            w for n, (a, b) in enumerate(zip(shown, got, strict=True)) for w in missing(a, b, f"{path}[{n}]")
        ]
    return [] if shown == got else [f"{path}: {got!r} instead of {shown!r}"]


async def test_every_example_is_answered_as_shown(round_, http):
    examples = EXAMPLE.findall(DOCUMENT.read_text())
    for method, path, body, status, shown in examples:
        data = {"data": body, "headers": {"Content-Type": "application/json"}} if body else {}
        async with http.request(method, round_.url + path, **data) as answer:
            got = await answer.json()
            assert (path, answer.status) == (path, int(status)), got
        assert missing(json.loads(shown), got) == [], path
        if "codo/call" in path:
            # retry asks for an attempt that the engine has let go of
            await round_.closed("t1")


async def test_every_path_has_an_example_or_is_named(round_, http):
    async with http.get(round_.url + "/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    text = DOCUMENT.read_text()
    for path in paths:
        assert path.replace("{task_id}", "t1") in text, path
