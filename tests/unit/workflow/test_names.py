import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.workflow.names import (
    attempt_of,
    entrypoint_name,
    files_name,
    label_value,
    made_names,
    shard,
    workflow_name,
)

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
TEXT = st.text(max_size=120)


@given(TEXT, st.integers(min_value=1, max_value=10**9))
def test_every_name_is_legal(task_id, attempt):
    name = workflow_name(task_id, attempt)
    assert NAME.fullmatch(name)
    assert len(name) <= 63
    assert len(files_name(name)) <= 253


@given(TEXT)
def test_every_label_value_is_legal(text):
    value = label_value(text)
    assert LABEL.fullmatch(value)
    assert len(value) <= 63


@given(TEXT, st.integers(min_value=1, max_value=500))
def test_a_shard_lies_among_the_shards(task_id, shards):
    assert shard(task_id, shards) in range(shards)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("task_1", "task-1"),
        ("Task", "task"),
        ("任务一", "任务二"),
        ("x" * 200 + "1", "x" * 200 + "2"),
        ("a", "a "),
        ("", " "),
    ],
)
def test_ids_that_differ_only_in_what_a_name_cannot_hold_get_names_of_their_own(left, right):
    assert workflow_name(left, 1) != workflow_name(right, 1)


def test_attempts_have_names_of_their_own():
    assert workflow_name("t", 1).removesuffix("1") == workflow_name("t", 2).removesuffix("2")


@pytest.mark.parametrize("attempt", [1, 10, 10**17])
def test_the_attempt_is_told_by_the_name(attempt):
    assert attempt_of(workflow_name("T/1-a2", attempt), "T/1-a2") == attempt


@pytest.mark.parametrize(
    "name",
    ["w", "", "-a", workflow_name("t", 1) + "0_0", workflow_name("t", 1)[:-1] + "01", workflow_name("u", 1)],
)
def test_another_name_tells_no_attempt(name):
    assert attempt_of(name, "t") is None


def test_a_name_shows_the_tasks_id():
    assert workflow_name("Release 2024/06", 3) == "task-release-2024-06-f3a3460d804e-a3"


def test_a_shard_never_changes_since_stored_tasks_depend_on_it():
    assert [shard(task_id, 64) for task_id in ("task123", "a", "任务")] == [40, 10, 5]


@pytest.mark.parametrize("text", ["task123", "a.b_C-1", "", "x" * 63])
def test_a_legal_label_value_stays(text):
    assert label_value(text) == text


@pytest.mark.parametrize(
    ("steps", "name"), [([], "task"), (["task"], "task-steps"), (["task", "task-steps"], "task-steps-steps")]
)
def test_the_entrypoint_has_no_steps_name(steps, name):
    assert entrypoint_name(steps) == name


LEGAL = st.sampled_from(["build", "step-1", "a" * 63, "wait", "init", "0", "1st", "main"])
PERSONS = st.lists(LEGAL | st.text(min_size=1, max_size=63), min_size=1, max_size=8, unique=True)


@given(PERSONS, st.booleans())
def test_every_step_gets_a_name_of_its_own_that_argo_takes(steps, one_pod):
    made = made_names(steps, one_pod=one_pod)
    assert len(set(made)) == len(steps)
    for name in made:
        assert NAME.fullmatch(name)
        assert len(name) <= 63
        assert name not in ("wait", "init") if one_pod else len(steps) == 1 or not name[0].isdigit()
    assert made_names(made, one_pod=one_pod) == made  # a name that Argo takes stays


def test_a_name_that_somebody_has_given_is_not_made():
    (made,) = made_names(["checkout code"], one_pod=False)
    both = made_names(["checkout code", made], one_pod=False)
    assert both[1] == made
    assert both[0] != made
