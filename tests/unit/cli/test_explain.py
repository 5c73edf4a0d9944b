from __future__ import annotations

import json

from typer.testing import CliRunner

from translator.cli.main import app
from translator.task.json_schema import json_schema


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, args)
    return result.exit_code, result.stdout, result.stderr


def test_a_field_with_what_is_in_it():
    code, out, _ = run("explain", "taskSpec")
    assert code == 0
    assert out.startswith("taskSpec <object, required>\n  The task itself.\n")
    assert "  displayName <string, required>\n    The task's name for people" in out


def test_the_top_in_chinese():
    code, out, _ = run("explain", "--language", "zh")
    assert code == 0
    assert "任务定义" in out


def test_kubernetes_own_structures_are_said_to_be_so():
    assert "kubectl explain pod.spec" in run("explain", "podTemplate.tolerations")[1]


def test_a_field_that_is_none_gets_the_nearest():
    code, out, err = run("explain", "taskSpec.steps.onErr")
    assert (code, out) == (2, "")
    assert "no field taskSpec.steps.onErr (did you mean taskSpec.steps.onError?)" in err


def test_the_json_schema_is_printed():
    code, out, _ = run("schema", "--language", "zh")
    assert code == 0
    assert json.loads(out) == json_schema("zh")
