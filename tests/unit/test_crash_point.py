from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from translator import crash_point
from translator.crash_point import POINTS, Step, arm, around
from translator.errors import PermanentError

PACKAGE = Path(crash_point.__file__).parent

KILLED = """
from translator.crash_point import Step, arm, around
arm({text!r})
for step in (Step.BEGIN, Step.APPEND, Step.APPEND):
    print("before", step, flush=True)
    with around(step):
        print("in", step, flush=True)
print("alive", flush=True)
"""


def run(text: str) -> tuple[int, list[str]]:
    code = KILLED.format(text=text)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("before-append", "before append"),
        ("after-begin", "in begin"),
        ("after-append:2", "in append"),
    ],
)
def test_the_process_kills_itself_at_the_point(text: str, last: str) -> None:
    code, lines = run(text)
    assert code == -signal.SIGKILL
    assert lines[-1] == last


@pytest.mark.parametrize("text", ["", "after-append:3", "before-accept"])
def test_a_point_that_is_not_reached_kills_nothing(text: str) -> None:
    assert run(text) == (0, run("")[1])


def test_a_step_that_fails_does_not_reach_the_point_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    monkeypatch.setattr(crash_point, "_wanted", "after-append")
    monkeypatch.setattr(crash_point, "_reach", reached.append)
    with pytest.raises(OSError, match="refused"), around(Step.APPEND):
        raise OSError("refused")
    assert reached == ["before-append"]


@pytest.mark.parametrize("text", ["append", "after-nothing", "after-append:0", "after-append:x", ":2"])
def test_a_point_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="there is no such point") as error:
        arm(text)
    assert "after-append" in error.value.remedy


def test_nothing_is_made_while_no_point_is_chosen() -> None:
    assert around(Step.APPEND) is around(Step.SEND)


def test_points_are_on_both_sides_of_every_step() -> None:
    assert len(POINTS) == 2 * len(Step)


# No durable step is forgotten: what follows reads the code, so it knows of those that come later.


def parsed(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders or ("",):
        for file in sorted((PACKAGE / folder).rglob("*.py")):
            if file.name != "crash_point.py":
                yield file, ast.parse(file.read_text(), filename=str(file))


def bare(tree: ast.AST, *, inside: bool = False) -> Iterator[ast.AST]:
    """All nodes that do not lie within a ``with around(…)``."""
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, ast.With) and any(
            isinstance(item.context_expr, ast.Call)
            and ast.unparse(item.context_expr.func) in ("around", "_around")
            for item in node.items
        )
        # a question makes nothing
        named = named or (isinstance(node, ast.AsyncFunctionDef) and node.name == "ask")
        if not (inside or named):
            yield node
            yield from bare(node)


def test_every_step_is_taken_somewhere() -> None:
    taken = {
        node.attr
        for _, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Step"
    }
    assert taken == {step.name for step in Step}


def test_only_the_client_speaks_to_the_api_server_and_names_what_it_changes() -> None:
    for file, tree in parsed("engine/argo"):
        compared = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in node.comparators
        }
        # a question is POSTed too, and makes nothing
        asked = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.AsyncFunctionDef) and (file.name, node.name) == ("client.py", "ask")
            for part in ast.walk(node)
        }
        for node in bare(tree):
            if isinstance(node, ast.Constant) and id(node) not in compared | asked:
                assert node.value not in ("POST", "PUT", "PATCH", "DELETE"), f"{file}:{node.lineno}"
            if isinstance(node, ast.Attribute) and file.name != "connection.py":
                assert "_transport" not in node.attr, f"{file}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and file.name != "client.py":
                assert node.module != "translator.engine.argo.connection", f"{file}:{node.lineno}"


def test_whoever_sends_events_names_it() -> None:
    for file, tree in parsed("service"):
        for node in bare(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert not (node.func.attr == "send" and "sender" in ast.unparse(node.func.value)), file


def test_whoever_has_a_supervisor_start_a_program_names_it() -> None:
    orders = [
        node
        for _, tree in parsed("engine/local")
        for node in bare(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("._order") and node.args
        if not isinstance(node.args[0], ast.Constant)
    ]
    assert orders == []
