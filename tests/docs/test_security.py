"""Each promise of docs/security.md names the test that holds it, and the test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions(file: str) -> set[str]:
    path = ROOT / file
    if not path.is_file():
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds)}


def promises() -> list[str]:
    """The rows of the tables whose second column says what holds them."""
    rows, found = [], False
    for line in PAGE.read_text().splitlines():
        if not line.startswith("|"):
            found = False
        elif line == "| promise | held by |":
            found = True
        elif found and not line.startswith("| ---"):
            rows.append(line)
    return rows


def test_each_promise_is_held_by_tests_that_are_there():
    rows = promises()
    assert rows
    for row in rows:
        tests = TEST.findall(row)
        assert tests, f"no test is named: {row}"
        missing = [f"{file}::{name}" for file, name in tests if name not in functions(file)]
        assert missing == [], row
