from __future__ import annotations

from pathlib import Path

import pytest

from translator.engine.local.relocation import Relocation

MOVE = Relocation(
    [("/data", Path("/run/1/d")), ("/data/in", Path("/run/1/i")), ("/tmp", Path("/run/1/t"))],
    Path("/tmp/own"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", "/run/1/d"),
        ("/data/x y", "/run/1/d/x y"),
        ("/data/in/x", "/run/1/i/x"),
        ("/database", "/database"),
        ("--dir=/data", "--dir=/data"),
        ("/tmp/own/x", "/tmp/own/x"),
        ("/tmp/x", "/run/1/t/x"),
        ("", ""),
    ],
)
def test_moving(text: str, expected: str):
    assert MOVE(text) == expected


def test_what_a_script_mentions():
    assert MOVE.mentioned("cat /data/x") == ["/data"]
    assert MOVE.mentioned("true") == []
