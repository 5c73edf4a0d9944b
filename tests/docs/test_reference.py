"""The reference pages and the JSON Schema say what the code says; ``--refresh`` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from translator.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
TABLE = re.compile(r"(?<=\n\n)(?:\|[^\n]*\n)+")
SCHEMA = DOCS / "schemas" / "taskyaml.schema.json"


def said(*args: str) -> str:
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(("page", "language"), [("taskyaml.md", "en"), ("zh/taskyaml.md", "zh")])
def test_the_table_of_fields(page: str, language: str, request: pytest.FixtureRequest):
    path = DOCS / page
    table = said("explain", "--format", "markdown", "--language", language)
    if request.config.getoption("--refresh"):
        path.write_text(TABLE.sub(lambda _: table, path.read_text(), count=1))
    found = TABLE.search(path.read_text())
    assert found is not None
    assert found[0] == table


def test_the_json_schema(request: pytest.FixtureRequest):
    if request.config.getoption("--refresh"):
        SCHEMA.write_text(said("schema"))
    assert SCHEMA.read_text() == said("schema")
