"""What the compiled schema says, against cerberus on the same data."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from cerberus.schema import UnvalidatedSchema
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.task.blanks import without_blanks
from translator.task.compiled import compiled
from translator.task.node import NullWord, Unquoted
from translator.task.schema.task import TASK
from translator.task.tree import build
from translator.task.validator import TaskValidator

TESTS = Path(__file__).parents[2]
DOCUMENTS = [
    TESTS / "data/seed/example.min.yaml",
    TESTS / "data/seed/example.full.yaml",
    *sorted((TESTS / "golden").glob("*.task.yaml")),
]
ODD = [
    None, "", "x", "-x", "7", 0, -1, 7, 1 << 40, 1.5, True, [], {}, [None], [""], ["x"], ["x", 1], {"": ""},
    {"name": "a"}, {"x": None}, [{"name": "a"}], [{}], "Always", "continue", "10s", "1Gi", NullWord("null"),
    Unquoted(".inf"), {"cpu": "1"}, {"cpu": 1}, {"limits": {"memory": "x"}}, "x" * 300,
]  # fmt: skip
KEEPS = compiled(TASK, TaskValidator.types_mapping)
CERBERUS = TaskValidator(UnvalidatedSchema(TASK))


def cerberus_keeps(data):
    return CERBERUS.validate(data, normalize=False)


def document(path):
    root, _ = build(path.read_text())
    return without_blanks(root.data) if root is not None and isinstance(root.data, dict) else {}


def places(value, path=()):
    """Every place in the data, the root left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, item in items for each in ((*path, key), *places(item, (*path, key)))]


def keys_of(rules):
    """Every key that the schema knows anywhere."""
    found = set()
    for name, value in rules.items() if isinstance(rules, dict) else ():
        found |= keys_of(value) | ({name} if isinstance(value, dict) else set())
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents(path):
    data = document(path)
    assert KEEPS(data) == cerberus_keeps(data)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_documents_with_anything_anywhere(data):
    changed = copy.deepcopy(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 3))):
        where = places(changed)
        if not where:
            break
        *path, last = data.draw(st.sampled_from(where))
        holder = changed
        for crumb in path:
            holder = holder[crumb]
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove" and isinstance(holder, dict):
            del holder[last]
        elif change == "add" and isinstance(holder, dict):
            holder[data.draw(st.sampled_from(KEYS))] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        else:
            holder[last] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    assert KEEPS(changed) == cerberus_keeps(changed)


@pytest.mark.parametrize("odd", [None, "", True, 7, [], {}, ["x"], NullWord("~")], ids=repr)
def test_anything_in_the_place_of_every_value(odd):
    """Each field of the full example once: what cerberus lets pass is let pass."""
    whole = yaml.safe_load((TESTS / "golden/seed-full.task.yaml").read_text())
    for *path, last in places(whole):
        changed = copy.deepcopy(whole)
        holder = changed
        for crumb in path:
            holder = holder[crumb]
        holder[last] = copy.deepcopy(odd)
        # only this part, as cerberus takes its time
        part = {path[0] if path else last: changed[path[0] if path else last]}
        assert KEEPS(part) == cerberus_keeps(part), (*path, last)


def test_a_rule_that_is_not_known_is_no_rule_that_is_kept():
    with pytest.raises(ValueError, match="regex"):
        compiled({"name": {"type": "string", "regex": "x"}}, TaskValidator.types_mapping)


SEEDS = [document(path) for path in DOCUMENTS if path.stat().st_size < 8000]
KEYS = sorted(keys_of(TASK))
