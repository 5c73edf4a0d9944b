"""The Chinese pages keep step with the English ones: the same headings, code, tables, lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAIRS = {
    "README.md": "README.zh-CN.md",
    "docs/quick-start.md": "docs/zh/quick-start.md",
    "docs/taskyaml.md": "docs/zh/taskyaml.md",
    "docs/migration.md": "docs/zh/migration.md",
}
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def outline(path: Path) -> dict[str, list[str]]:
    """What must be the same in every language."""
    text = path.read_text()
    code = [re.sub(r" +(--language zh\b|#.*)", "", block) for block in CODE.findall(text)]
    lines = CODE.sub("", text).splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith("| ---")]
    return {
        "headings": [line.split()[0] for line in lines if line.startswith("#")],
        "code": code,
        # `code` in a table's first column is a key, a command or a value: the same in every language
        "rows": [" ".join(re.findall(r"`[^`]+`", row.split("|")[1])) for row in rows],
        "items": [line.split()[0] for line in lines if re.match(r"(- |\d+\. )", line)],
    }


@pytest.mark.parametrize("english", PAIRS)
def test_they_have_the_same_parts(english: str):
    assert outline(ROOT / PAIRS[english]) == outline(ROOT / english)


@pytest.mark.parametrize("chinese", PAIRS.values())
def test_it_is_in_chinese(chinese: str):
    prose = CODE.sub("", (ROOT / chinese).read_text())
    for paragraph in re.split(r"\n\n+", prose):
        words = re.sub(r"`[^`]*`|\]\([^)]*\)|^\|.*$", "", paragraph, flags=re.MULTILINE)
        assert CHINESE.search(words) or len(words.split()) < 4, paragraph


def test_every_chinese_page_has_an_english_one():
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "zh").glob("*.md")}
    assert pages == {page for page in PAIRS.values() if page.startswith("docs/")}
