from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from translator.task.json_schema import json_schema
from translator.task.parse import parse_task

ROOT = Path(__file__).parents[3]
FILES = [
    *sorted((ROOT / "tests" / "golden").glob("*.task.yaml")),
    *sorted((ROOT / "templates" / "tasks").glob("*.yaml")),
    *sorted((ROOT.parent / "shared" / "seed").glob("*.yaml")),
]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
STEP = "{name: a, image: a"
TASK = "taskSpec: {displayName: a, steps: [{name: a, image: a, script: a}]}"


def faults(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema("zh"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_takes_what_validate_takes(file: Path):
    if parse_task(file.read_bytes(), task_id="t").task is None:
        pytest.skip("validate refuses it")
    assert faults(file.read_text()) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("timeot: 10s", "$"),
        ("timeout: 10", "$.timeout"),
        ("taskSpec: {displayName: a}", "$.taskSpec"),
        ("taskSpec: {displayName: a, steps: []}", "$.taskSpec.steps"),
        ("taskSpec: {displayName: a, steps: [{image: a}]}", "$.taskSpec.steps[0]"),
        (f"taskSpec: {{displayName: a, steps: [{STEP}, onError: go}}]}}", "$.taskSpec.steps[0].onError"),
        (f"taskSpec: {{displayName: a, steps: [{STEP}, script: [a]}}]}}", "$.taskSpec.steps[0].script"),
        ("podTemplate: {hostNetwork: 'no'}", "$.podTemplate.hostNetwork"),
        ("computeResources: {limits: {cpu: [1]}}", "$.computeResources.limits.cpu"),
    ],
)
def test_it_tells_what_an_editor_can_tell_at_its_place(change: str, where: str):
    data: dict[str, Any] = yaml.safe_load(TASK) | yaml.safe_load(change)
    assert [error.json_path for error in VALIDATOR.iter_errors(data)] == [where]


def test_what_validate_only_warns_of_is_no_error():
    assert faults(f"podTemplate: {{affinity: {{nodeAfinity: {{}}}}}}\n{TASK}") == []


def test_it_says_what_fields_mean():
    timeouts = [json_schema(language)["$defs"]["task"]["properties"]["timeout"] for language in ("en", "zh")]
    assert timeouts[0]["description"].startswith("How long the task may take")
    assert timeouts[1]["description"].startswith("整个任务")
