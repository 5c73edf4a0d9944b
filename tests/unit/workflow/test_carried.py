"""What the service puts into a Workflow comes back out of it, whatever the task is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.service.template import load_template
from translator.task.submission import parse_submission
from translator.workflow.carried import MAX_CARRIED_BYTES, carried, carry
from translator.workflow.options import Options
from translator.workflow.translate import translate

TEMPLATE = load_template()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def rendered(steps=("one", "two"), *, layout="auto", attempt=1, timeout=60, **spec):
    listed = [{"name": name, "image": "i", "script": "echo 1"} for name in steps]
    args = {
        "timeout": timeout,
        "taskYaml": json.dumps({"taskSpec": {"displayName": "d", "steps": listed, **spec}}),
    }
    parsed = parse_submission("T/1", "agent", args)
    assert parsed.task is not None, parsed.problems
    options = Options(layout=layout)
    return translate(parsed.task, attempt=attempt, options=options, template=TEMPLATE), args


@pytest.mark.parametrize("layout", ["dag", "pod"])
@pytest.mark.parametrize(
    "steps", [["only"], ["zz", "a", "m"], [f"s{n}" for n in range(40)], ["checkout code", "拉取代码", "a"]]
)
def test_what_was_carried_is_read_again(layout, steps):
    made, args = rendered(steps, layout=layout, attempt=3)
    found = carried(carry(made, "here", "hash", args).workflow)
    assert found is not None
    assert (found.task_id, found.agent_id, found.attempt) == ("T/1", "agent", 3)
    assert (found.installation, found.content_hash, found.args) == ("here", "hash", args)
    assert (found.steps, found.timeout_s, found.created) == (tuple(steps), 60, "")


@pytest.mark.parametrize("edited", ["[1]", "{", '{"a": 7}', "null"])
def test_names_that_somebody_made_unreadable_keep_no_task_from_being_taken_up(edited):
    workflow = carry(rendered(["a", "b"])[0], "ours", "h", {}).workflow
    workflow["metadata"]["annotations"]["codo.dev/step-names"] = edited
    found = carried(workflow)
    assert found is not None
    assert found.steps == ("a", "b")


def test_the_attempt_is_the_name_s_whatever_somebody_made_of_the_label():
    made, args = rendered(attempt=3)
    workflow = dict(carry(made, "here", "hash", args).workflow)
    for labels in ({**workflow["metadata"]["labels"], "codo.dev/attempt": "7"}, {}):
        found = carried({**workflow, "metadata": {**workflow["metadata"], "labels": labels}})
        assert found is not None
        assert found.attempt == 3


def test_a_submission_that_is_too_large_stays_out_and_the_rest_is_told():
    made, args = rendered()
    for size, fits in ((MAX_CARRIED_BYTES - 100, True), (MAX_CARRIED_BYTES, False)):
        big = {**args, "scriptParams": "x" * (size - len(json.dumps(args)))}
        found = carried(carry(made, "here", "hash", big).workflow)
        assert found is not None
        assert (found.args == big, found.args is None) == (fits, not fits)
        assert found.content_hash == "hash"


def test_annotations_stay_within_what_kubernetes_takes():
    made, _ = rendered(description="名" * 65536)
    workflow = carry(made, "here", "hash", {"more": "m" * (MAX_CARRIED_BYTES - 100)}).workflow
    annotations = workflow["metadata"]["annotations"]
    assert sum(len(name) + len(text.encode()) for name, text in annotations.items()) < 256 * 1024
    found = carried(workflow)
    assert found is not None
    assert found.args is None


@given(JSON)
def test_any_submission_comes_back_as_it_was(value):
    made, args = MADE
    given_args = {**args, "extra": value}
    workflow = json.loads(json.dumps(carry(made, "i", "h", given_args).workflow))
    found = carried(workflow)
    assert found is not None
    assert found.args == given_args


MADE = rendered()


def test_half_a_surrogate_pair_is_carried_as_ascii():
    made, args = rendered()
    workflow = carry(made, "i", "h", {**args, "extra": "\ud800"}).workflow
    workflow["metadata"]["annotations"]["codo.dev/submission"].encode()
    found = carried(workflow)
    assert found is not None
    assert found.args == {**args, "extra": "\ud800"}


def test_what_no_service_submitted_is_not_taken_up():
    made, args = rendered()
    assert carried(made.workflow) is None
    for name in ("codo.dev/task-id", "codo.dev/agent-id", "codo.dev/installation", "codo.dev/submission"):
        workflow = json.loads(json.dumps(carry(made, "here", "hash", args).workflow))
        del workflow["metadata"]["annotations"][name]
        assert carried(workflow) is None
    for text in ("", "{", "[]", "1", "{}", '"x"'):
        workflow = json.loads(json.dumps(carry(made, "here", "hash", args).workflow))
        workflow["metadata"]["annotations"]["codo.dev/submission"] = text
        assert carried(workflow) is None
    workflow = json.loads(json.dumps(carry(made, "here", "hash", args).workflow))
    workflow["spec"]["templates"] = []
    assert carried(workflow) is None


def test_a_submission_with_secret_parameters_is_not_carried():
    made, args = rendered()
    secret = replace(made, secrets={"metadata": {"name": "s"}, "stringData": {"password": "hush"}})
    workflow = carry(secret, "inst", "hash", {**args, "scriptParams": {"password": "hush"}}).workflow
    assert "hush" not in json.dumps(workflow)
    assert carried(workflow).args is None
