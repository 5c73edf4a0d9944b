import json

import pytest
from hypothesis import given, settings

from tests.unit.workflow.sample_tasks import OPTIONS, TASKS, TEMPLATE, rendered, step, task
from translator.task.names import STEP_NAMES
from translator.workflow.foreseen import MAX_WORKFLOW_BYTES
from translator.workflow.names import DESCRIPTION, TITLE
from translator.workflow.options import Options
from translator.workflow.refusal import Untranslatable
from translator.workflow.translate import check, translate

CODES = {
    "bad-structure",
    "pod-layout",
    "reserved-name",
    "shared-volume",
    "shebang",
    "templated-text",
    "too-large",
    "unsupported-field",
}
OWN = ("{{inputs.parameters.context}}", "{{=let left = tasks['")


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _objects(given_task, options):
    try:
        return translate(given_task, attempt=1, options=options, template=TEMPLATE).objects()
    except Untranslatable as error:
        unknown = {fault.code for fault in error.faults} - CODES
        assert not unknown  # whether it is refused is part of the outcome
        return None


@settings(max_examples=150, deadline=None)
@given(TASKS, OPTIONS)
def test_any_valid_task_translates_or_is_refused_and_nothing_is_left_to_change(given_task, options):
    objects = _objects(given_task, options)
    if objects is None:
        return
    spec = objects[-1]["spec"]
    assert [text for text in _strings(spec) if "{{" in text and not text.startswith(OWN)] == []
    sources = [t["script"]["source"] for t in spec["templates"] if "script" in t]
    assert [text for text in sources if "$$" in text or "$(ARGO_" in text] == []
    originals = json.loads(objects[-1]["metadata"]["annotations"].get(STEP_NAMES, "{}"))
    assert [originals.get(name, name) for name in _step_names(spec)] == [
        given_step.name for given_step in given_task.steps
    ]
    for entry in spec["templates"]:
        for variable in (entry.get("script") or entry.get("container") or {}).get("env", []):
            if variable["name"].startswith("codo_"):
                assert "$$" not in variable.get("value", "")
                assert "$(" not in variable.get("value", "")


def _step_names(spec):
    root = next(t for t in spec["templates"] if t["name"] == spec["entrypoint"])
    return [
        n["name"]
        for n in root.get("dag", {}).get("tasks", []) + root.get("containerSet", {}).get("containers", [])
    ]


@settings(max_examples=50, deadline=None)
@given(TASKS, OPTIONS)
def test_the_same_input_gives_the_same_bytes(given_task, options):
    assert json.dumps(_objects(given_task, options)) == json.dumps(_objects(given_task, options))


def _faults(made, *args, **options):
    try:
        made(*args, **options, template=TEMPLATE)
    except Untranslatable as error:
        return error.faults
    return ()


@settings(max_examples=100, deadline=None)
@given(TASKS, OPTIONS)
def test_the_check_says_what_the_translation_says(given_task, options):
    checked = _faults(check, given_task, options=options)
    assert checked == _faults(translate, given_task, attempt=1, options=options)


@pytest.mark.parametrize("letter", ["{", "\x01", "中", "\U0001f600", '"'])
def test_the_check_never_takes_a_large_workflow_for_a_small_one(letter):
    """Texts that grow on their way, or stand in every step."""
    refused = set()
    for size in (500, 1500, 3000, 6000, 15000, 21000):
        env = ({"name": "A", "value": letter * size},)
        given_task = task(
            *(step(f"s{n}", script="true", env=env) for n in range(20)), params=(("p", "x" * size),)
        )
        checked = _faults(check, given_task, options=Options())
        assert checked == _faults(translate, given_task, attempt=1, options=Options())
        refused.add(bool(checked))
    assert refused == {True, False}


def test_every_script_reaches_its_step_byte_for_byte():
    scripts = ["#!/bin/sh\necho hi", "echo $$\n", "{{x}}\n\n", "\ttab", "中\n" * 30000]
    found = rendered(task(*(step(f"s{n}", script=script) for n, script in enumerate(scripts))))
    templates = {t["name"]: t for t in found.workflow["spec"]["templates"]}
    for n, script in enumerate(scripts):
        entry = templates[f"s{n}"]
        text = entry["script"]["source"] if "script" in entry else found.files["data"][f"s{n}.script"]
        assert text == script


def test_what_argo_shows_of_the_task():
    given_task = task(step(), description="看 {{workflow.name}}")
    annotations = rendered(given_task).workflow["metadata"]["annotations"]
    assert annotations[TITLE] == "d"
    assert annotations[DESCRIPTION] == "看 {{workflow.name}}"
    assert DESCRIPTION not in rendered(task(step())).workflow["metadata"]["annotations"]


def test_the_spec_hash_is_the_submissions():
    def annotation(given_task, **choices):
        return rendered(given_task, **choices).workflow["metadata"]["annotations"]["codo.dev/spec-hash"]

    assert annotation(task(step(), spec_hash="abc")) == "abc"
    # what was made with other settings, or by another version, is still this attempt's Workflow
    assert annotation(task(step(), spec_hash="abc"), start_grace_s=1) == "abc"


def test_a_workflow_that_kubernetes_could_not_hold_is_refused():
    long = "$(A)" + "x" * 60000
    given_task = task(*(step(f"s{n}", command=("echo",), args=(long,)) for n in range(20)))
    with pytest.raises(Untranslatable) as caught:
        rendered(given_task)
    (fault,) = caught.value.faults
    assert fault.code == "too-large"
    assert str(MAX_WORKFLOW_BYTES) in fault.message


def test_a_description_that_no_annotation_holds_is_refused():
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(), description="中" * 90000))
    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("taskSpec.description", "too-large")


def test_all_faults_are_told_at_once():
    given_task = task(step(script="#!", working_dir="/{{x}}"), step("two", script="#!"))
    with pytest.raises(Untranslatable) as caught:
        rendered(given_task)
    assert sorted(fault.path for fault in caught.value.faults) == [
        "taskSpec.steps[0].script",
        "taskSpec.steps[0].workingDir",
        "taskSpec.steps[1].script",
    ]
    assert str(caught.value).startswith(caught.value.faults[0].path)
    assert caught.value.reason == "InvalidTask"


def test_a_step_pod_can_be_found_by_step_and_task():
    workflow = rendered(task(step(timeout_ns=1_500_000_000)), attempt=2).workflow
    assert workflow["spec"]["podMetadata"]["labels"]["codo.dev/attempt"] == "2"
    assert workflow["spec"]["templates"][1]["metadata"] == {
        "labels": {"codo.dev/step": "one"},
        "annotations": {"codo.dev/step-timeout": "1.5s"},
    }
