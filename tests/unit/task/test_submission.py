from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.task.problem import Severity
from translator.task.submission import parse_submission

BATCH = json.loads((Path(__file__).parents[2] / "data" / "seed" / "batch.json").read_text())
YAML = "taskSpec: {displayName: x, steps: [{name: a, image: alpine, script: echo}]}"


def test_the_seeds_batch_is_valid():
    item = BATCH[0]
    parsed = parse_submission(item["taskId"], item["agentId"], item["args"])
    assert parsed.problems == ()
    assert parsed.task is not None
    assert (parsed.task.task_id, parsed.task.agent_id, parsed.task.namespace) == (
        "task123",
        "agent456",
        "default",
    )
    assert parsed.task.params == (("abc", "1"),)
    assert parsed.task.args_timeout_s == 60


@pytest.mark.parametrize(
    "absent", [{}, {"timeout": None, "scriptParams": None, "namespace": None}, {"namespace": ""}]
)
def test_what_is_optional_has_defaults(absent):
    parsed = parse_submission("t", "a", {"taskYaml": YAML, **absent})
    assert parsed.task is not None
    assert (parsed.task.namespace, parsed.task.args_timeout_s, parsed.task.params) == ("default", None, ())


@pytest.mark.parametrize(
    ("task_id", "agent_id", "args", "path", "code"),
    [
        (None, "a", {}, "taskId", "required"),
        ("", "a", {}, "taskId", "required"),
        (7, "a", {}, "taskId", "wrong-type"),
        ("t" * 254, "a", {}, "taskId", "too-long"),
        ("t\0", "a", {}, "taskId", "bad-character"),
        ("t", None, {}, "agentId", "required"),
        ("t", "", {}, "agentId", "required"),
        ("t", "a", {"timeout": "60"}, "args.timeout", "wrong-type"),
        ("t", "a", {"timeout": 0}, "args.timeout", "out-of-range"),
        ("t", "a", {"timeout": 1.5}, "args.timeout", "wrong-type"),
        ("t", "a", {"namespace": 5}, "args.namespace", "wrong-type"),
        ("t", "a", {"namespace": "My_Ns"}, "args.namespace", "bad-name"),
        ("t", "a", {"scriptParams": [1]}, "args.scriptParams", "wrong-type"),
        ("t", "a", {"taskYaml": None}, "args.taskYaml", "required"),
        ("t", "a", {"taskYaml": ""}, "args.taskYaml", "required"),
        ("t", "a", {"taskYaml": {}}, "args.taskYaml", "wrong-type"),
    ],
)
def test_faults(task_id, agent_id, args, path, code):
    parsed = parse_submission(task_id, agent_id, {"taskYaml": YAML, **args})
    assert parsed.task is None
    assert [(p.path, p.code, p.line, p.column) for p in parsed.problems] == [(path, code, 1, 1)]


@pytest.mark.parametrize("args", [None, [], "x", 1])
def test_args_must_be_an_object(args):
    assert [p.path for p in parse_submission("t", "a", args).problems] == ["args"]


def test_faults_of_all_parts_come_at_once():
    parsed = parse_submission("", "a", {"timeout": -1, "taskYaml": "timeout: 1d", "more": 1})
    assert [p.path for p in parsed.problems] == ["taskId", "args.timeout", "args.more", "taskSpec", "timeout"]


def test_a_warning_about_a_parameter_refuses_nothing():
    """It did, without an error that said why; found by the fuzzer."""
    args = {"taskYaml": "taskSpec: {displayName: x, steps: [{name: a, image: a:1, script: x}]}"}
    parsed = parse_submission("t1", "a1", {**args, "scriptParams": {"a b": "1"}})
    assert parsed.task is not None
    assert [problem.code for problem in parsed.problems] == ["new-env-name"]


def test_an_unknown_argument_is_a_warning():
    parsed = parse_submission("t", "a", {"taskYaml": YAML, "scriptParam": "{}"})
    assert parsed.task is not None
    assert [(p.severity, p.path) for p in parsed.problems] == [(Severity.WARNING, "args.scriptParam")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    JSON,
    JSON,
    JSON
    | st.fixed_dictionaries(
        {"taskYaml": JSON | st.just(YAML), "scriptParams": JSON, "timeout": JSON, "namespace": JSON}
    ),
)
def test_nothing_raises(task_id, agent_id, args):
    parsed = parse_submission(task_id, agent_id, args)
    assert (parsed.task is None) == any(p.severity is Severity.ERROR for p in parsed.problems)
