from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ALLOWED = {*sys.stdlib_module_names, "aiohttp", "pytest", "pytest_asyncio"}
SHARED_FIXTURES = {"valkey", "redis", "store"}
"""Of the conftest file that stands above."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module)


@pytest.mark.parametrize("file", sorted(HERE.glob("*.py")), ids=lambda file: file.name)
def test_it_shares_no_code_with_what_it_checks(file):
    tree = ast.parse(file.read_text())
    names = list(imported(tree))
    ours = {name for name in names if name.startswith("tests.outside.")}
    assert {name.partition(".")[0] for name in names if name not in ours} <= ALLOWED
    asked = {
        argument.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for argument in node.args.args
    }
    assert not asked & SHARED_FIXTURES


def test_the_promises_page_names_tests_that_there_are():
    """docs/reliability.md says which test holds which promise."""
    page = (HERE.parents[1] / "docs" / "reliability.md").read_text()
    table = page.partition("| promise | test of `tests/outside` |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z]\w*_\w+)`", table))
    defined = {
        node.name
        for file in HERE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.AsyncFunctionDef)
    }
    assert named
    assert named <= defined
