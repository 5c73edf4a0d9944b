"""The operator's object, and what its task may say beside a taskYaml's own keys."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from translator.task.json_schema import json_schema
from translator.task.parse import parse_task
from translator.task.problem import Severity
from translator.task.submission import parse_submission

SHARED = Path(__file__).parents[4] / "shared" / "codo"
STEPS = "taskSpec: {displayName: d, steps: [{name: a, image: i, script: 'true'}]}"
OBJECT = """\
apiVersion: codo.dev/v1
kind: CodoCloudTask
metadata: {name: sample, namespace: team-a, uid: 6f}
spec:
  taskID: sample-1
  timeout: 10m
  taskSpec:
    displayName: d
    steps:
      - {name: a, image: i, script: 'true'}
status: {phase: Running}
"""


def problems(text: str, **given) -> list[tuple[int, int, str, str]]:
    return [(p.line, p.column, p.path, p.code) for p in parse_task(text, task_id="t", **given).problems]


def test_its_spec_is_the_task():
    parsed = parse_task(OBJECT, task_id="t")
    assert parsed.problems == ()
    assert parsed.task is not None
    assert (parsed.task.task_id, parsed.task.namespace, parsed.task.timeout_ns) == (
        "t",
        "team-a",
        600 * 10**9,
    )
    assert [step.name for step in parsed.task.steps] == ["a"]


@pytest.mark.parametrize(("given", "namespace"), [(None, "team-a"), ("", "team-a"), ("other", "other")])
def test_a_namespace_that_is_submitted_goes_before_the_objects(given: str | None, namespace: str):
    parsed = parse_submission("sample-1", "a", {"taskYaml": OBJECT, "namespace": given})
    assert parsed.problems == ()
    assert parsed.task is not None
    assert parsed.task.namespace == namespace


def test_a_taskyaml_runs_in_default():
    parsed = parse_task(STEPS, task_id="t")
    assert parsed.task is not None
    assert parsed.task.namespace == "default"


def test_problems_keep_the_lines_of_the_file():
    text = OBJECT.replace("timeout: 10m", "timeout: 10 m").replace("image: i", "imag: i")
    assert problems(text) == [
        (6, 12, "timeout", "bad-duration"),
        (10, 9, "taskSpec.steps[0].image", "required"),
        (10, 19, "taskSpec.steps[0].imag", "unknown-key"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("codo.dev/v1", "batch/v1", (1, 13, "apiVersion", "not-allowed")),
        ("CodoCloudTask", "CloudTask", (2, 7, "kind", "not-allowed")),
        ("namespace: team-a", "namespace: 7", (3, 37, "metadata.namespace", "wrong-type")),
        ("namespace: team-a", "namespace: Team_A", (1, 1, "args.namespace", "bad-name")),
        (
            "metadata: {name: sample, namespace: team-a, uid: 6f}",
            "metadata: []",
            (3, 11, "metadata", "wrong-type"),
        ),
        ("status: {", "stats: {", (11, 1, "stats", "unknown-key")),
        ("taskID: sample-1", "status: TaskRunCancelled", (5, 11, "spec.status", "cancelled")),
    ],
)
def test_what_is_wrong_around_the_task_is_told_at_its_place(old: str, new: str, found: tuple):
    assert problems(OBJECT.replace(old, new)) == [found]


@pytest.mark.parametrize("spec", ["", "spec:\n", "spec: []\n"])
def test_an_object_needs_a_task(spec: str):
    (problem,) = parse_task(f"apiVersion: codo.dev/v1\nkind: CodoCloudTask\n{spec}", task_id="t").problems
    assert (problem.path, problem.code) == ("spec", "required")


def test_another_id_than_the_submissions_is_told():
    parsed = parse_submission("t-7", "a", {"taskYaml": OBJECT})
    assert [(p.severity, p.line, p.column, p.code) for p in parsed.problems] == [
        (Severity.WARNING, 5, 11, "other-id")
    ]
    assert parsed.task is not None
    assert parsed.task.task_id == "t-7"


def test_a_service_account_may_stand_at_the_top():
    parsed = parse_task(f"serviceAccountName: robot\n{STEPS}", task_id="t")
    assert parsed.task is not None
    assert parsed.task.pod.service_account_name == "robot"
    # what a policy has against it is told where it stands
    assert parsed.locate("podTemplate.serviceAccountName") == (1, 21)
    both = f"serviceAccountName: robot\npodTemplate: {{serviceAccountName: other}}\n{STEPS}"
    assert problems(both) == [(1, 21, "serviceAccountName", "two-values")]


def test_parameters_that_are_required_and_missing_are_told_at_their_lines():
    text = f"require:\n  fields:\n  - one\n  - two\n  - three\n{STEPS}"
    missing = [(3, 5, "require.fields[0]", "missing-param"), (5, 5, "require.fields[2]", "missing-param")]
    assert problems(text, params={"two": ""}) == missing
    assert problems(text, params={"one": 1, "two": "", "three": None}) == []
    assert problems(text, alone=True) == []


def test_args_beside_a_script_are_taken():
    parsed = parse_task(STEPS.replace("script:", "args: ['$(A)', '{{b}}'], script:"), task_id="t")
    assert parsed.task is not None
    assert parsed.task.steps[0].args == ("$(A)", "{{b}}")


def test_editors_take_it_and_tell_what_is_wrong_in_it():
    validator = jsonschema.Draft202012Validator(json_schema())
    assert list(validator.iter_errors(yaml.safe_load(OBJECT))) == []
    broken = yaml.safe_load(OBJECT.replace("timeout: 10m", "timeot: 10m"))
    assert [error.json_path for error in validator.iter_errors(broken)] == ["$.spec"]
