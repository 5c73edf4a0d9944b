from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from translator.cli.main import app

TASKS = Path(__file__).parents[3] / "templates" / "tasks"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def init(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["init", *args])
    return result.exit_code, result.stdout, result.stderr


def test_without_a_name_it_lists_them():
    code, out, _ = init()
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert names == sorted(file.stem for file in TASKS.glob("*.yaml"))
    assert "The smallest useful task" in out


def test_it_copies_the_file_as_it_is():
    code, out, err = init("hello")
    assert (code, out) == (0, "")
    assert "translator run hello.yaml" in err
    assert Path("hello.yaml").read_bytes() == (TASKS / "hello.yaml").read_bytes()


def test_to_standard_output():
    assert init("hello", "-o", "-")[:2] == (0, (TASKS / "hello.yaml").read_text())


def test_it_overwrites_nothing_unless_told_to():
    Path("hello.yaml").write_text("mine")
    code, _, err = init("hello")
    assert (code, Path("hello.yaml").read_text()) == (2, "mine")
    assert "--force" in err
    assert init("hello", "--force")[0] == 0
    assert Path("hello.yaml").read_text() != "mine"


def test_a_name_that_is_none():
    code, _, err = init("helo")
    assert code == 2
    assert "hello" in err


def test_a_place_that_cannot_be_written():
    code, _, err = init("hello", "-o", "missing/hello.yaml")
    assert code == 2
    assert "missing/hello.yaml: cannot be written: No such file or directory" in err
