from __future__ import annotations

import pytest

from translator.engine.local.templating import check_argument, check_inputs, fill_argument, fill_inputs
from translator.errors import PermanentError

CHAIN = "{{=tasks['b'].outputs?.parameters?.context ?? tasks['a'].outputs?.parameters?.context ?? ''}}"

HANDOVER = (
    "{{=let left = tasks['a'].outputs?.parameters?.context ?? ''; len(left) > 32768 ? '!over' : "
    "(left matches '^(![a-z]*|[;=0-7]*)$' ? left : '!foreign')}}"
)


@pytest.mark.parametrize(
    ("outputs", "value"),
    [
        ({}, ""),
        ({"a": {"context": "1"}}, "1"),
        ({"a": {"context": "1"}, "b": {"context": "2"}}, "2"),
        ({"a": {"context": "1"}, "b": {}}, "1"),
        ({"a": {"context": "1"}, "b": {"context": ""}}, ""),
    ],
)
def test_the_chain_takes_the_first_value_that_exists(outputs: dict[str, dict[str, str]], value: str):
    check_argument(CHAIN, "x")
    assert fill_argument(CHAIN, outputs, "x") == value


@pytest.mark.parametrize(
    ("left", "handed"),
    [
        (None, ""),
        ("", ""),
        (";141=142", ";141=142"),
        (";" * 32768, ";" * 32768),
        (";" * 32769, "!over"),
        ("x" * 120_000, "!over"),
        ("!over", "!over"),
        ("{{=1+1}}", "!foreign"),
        (";141=142\n", "!foreign"),
        ("\0", "!foreign"),
        ("eyJhbGciOi.eyJpc3Mi", "!foreign"),
        ("!foreign", "!foreign"),
    ],
)
def test_only_a_context_is_handed_over(left: str | None, handed: str):
    check_argument(HANDOVER, "x")
    outputs = {} if left is None else {"a": {"context": left}}
    assert fill_argument(HANDOVER, outputs, "x") == handed


def test_a_plain_reference():
    text = "<{{tasks.a.outputs.parameters.context}}>"
    check_argument(text, "x")
    assert fill_argument(text, {"a": {"context": "v"}}, "x") == "<v>"
    with pytest.raises(PermanentError, match="left no such output"):
        fill_argument(text, {}, "x")


def test_a_value_is_not_evaluated_again():
    assert (
        fill_argument(CHAIN, {"b": {"context": "{{inputs.parameters.x}}"}}, "") == "{{inputs.parameters.x}}"
    )


def test_inputs():
    text = "a={{inputs.parameters.a}} {{ inputs.parameters.b-c }}"
    check_inputs(text, "x", {"a": "", "b-c": ""})
    assert fill_inputs(text, {"a": "1", "b-c": "{{x}}"}) == "a=1 {{x}}"


@pytest.mark.parametrize(
    "text",
    [
        "{{workflow.name}}",
        "{{=1+1}}",
        "{{inputs.parameters.other}}",
        "{{ .Names }}",
        "{{",
        "}} {{ unclosed",
        "{{{{inputs.parameters.a}}}}",
    ],
)
def test_other_forms_are_refused_in_templates(text: str):
    with pytest.raises(PermanentError, match=r"^step a: holds"):
        check_inputs(text, "step a", {"a": ""})


@pytest.mark.parametrize(
    "text",
    [
        "{{=tasks['a'].outputs?.parameters?.context}}",
        "{{=tasks['a'].status ?? ''}}",
        "{{=steps['a'].outputs?.parameters?.context ?? ''}}",
        "{{=get(tasks, 'a') ?? ''}}",
        HANDOVER.replace("[;=0-7]*", ".*"),
        HANDOVER.replace("tasks['a']", "steps['a']"),
        "{{steps.a.outputs.parameters.context}}",
        "{{=tasks['a'].outputs?.parameters?.context ?? 'it\\'s'}}",
    ],
)
def test_other_forms_are_refused_in_arguments(text: str):
    with pytest.raises(PermanentError, match="only Argo can evaluate"):
        check_argument(text, "step a")
