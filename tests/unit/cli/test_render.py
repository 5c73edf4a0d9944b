import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from translator.cli.main import app

TASK = """\
taskSpec:
  displayName: demo
  steps:
    - name: one
      image: alpine:3.20
      script: echo hi $$
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "task.yaml"
    path.write_text(TASK)
    return path


def _run(*words, **options):
    return CliRunner().invoke(app, ["render", *map(str, words)], **options)


def test_json_is_one_list_of_what_is_created_first_to_last(file):
    done = _run(file)
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [item["kind"] for item in found["items"]] == ["ConfigMap", "Workflow"]


def test_yaml_gives_the_same_objects(file):
    done = _run(file, "--format", "yaml")
    assert list(yaml.safe_load_all(done.stdout)) == json.loads(_run(file).stdout)["items"]


def test_tree_is_for_people(file):
    assert "└── one\n" in _run(file, "--format", "tree").stdout


def test_every_option_reaches_the_objects(file):
    done = _run(
        file, "--task-id", "T 1", "--agent-id", "a1", "--namespace", "team", "--timeout", 30, "--attempt", 3,
        "--params", '{"k": 1}', "--layout", "pod", "--standalone",
    )  # fmt: skip
    files, workflow = json.loads(done.stdout)["items"]
    assert workflow["metadata"]["annotations"]["codo.dev/task-id"] == "T 1"
    assert workflow["metadata"]["labels"]["codo.dev/agent-id"] == "a1"
    assert workflow["metadata"]["namespace"] == files["metadata"]["namespace"] == "team"
    assert workflow["metadata"]["name"].endswith("-a3")
    assert "finalizers" not in workflow["metadata"]
    assert workflow["spec"]["activeDeadlineSeconds"] == 90
    (container,) = workflow["spec"]["templates"][0]["containerSet"]["containers"]
    assert container["env"] == [{"name": "codo_k", "value": "1"}]


def test_standard_input_is_a_file_too():
    done = _run("-", input=TASK)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["kind"] == "List"


def test_a_broken_task_gives_its_problems_and_nothing_else(file):
    file.write_text(TASK.replace("image", "imgae"))
    done = _run(file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{file}:5:7: error: taskSpec.steps[0].imgae: " in done.stderr


def test_a_task_that_no_workflow_can_do_gives_its_problems_in_order(file):
    file.write_text(TASK.replace("echo hi $$", '"#!"\n      workingDir: "/{{x}}"\n      timeout: 1s'))
    done = _run(file, "--layout", "pod")
    assert (done.exit_code, done.stdout) == (2, "")
    assert [line.split(": ")[0:3:2] for line in done.stderr.splitlines()] == [
        [f"{file}:6:15", "taskSpec.steps[0].script"],
        [f"{file}:7:19", "taskSpec.steps[0].workingDir"],
        [f"{file}:8:16", "taskSpec.steps[0].timeout"],
    ]


def test_a_file_that_is_not_there_is_said(tmp_path):
    done = _run(tmp_path / "none.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("name", ["example.min.yaml", "example.full.yaml"])
def test_the_seeds_examples_render(name):
    path = Path(__file__).parents[4] / "shared/seed" / name
    if not path.exists():
        pytest.skip("the seed is not beside the checkout")
    done = _run(path)
    assert done.exit_code == 0
    assert "error:" not in done.stderr


def test_the_command_line_itself_does_not_load_hera():
    heavy = "[m for m in ('hera', 'yaml', 'pydantic') if m in sys.modules]"
    code = f"import sys, translator.cli.render; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
