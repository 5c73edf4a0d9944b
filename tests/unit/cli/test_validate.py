from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from translator.cli.main import app

DATA = Path(__file__).parents[2] / "data"
FULL = DATA / "seed" / "example.full.yaml"
MIN = DATA / "seed" / "example.min.yaml"


def validate(*args, stdin=None):
    return CliRunner().invoke(app, ["validate", *map(str, args)], input=stdin)


def test_a_valid_task_prints_nothing():
    result = validate(MIN)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_warnings_do_not_fail():
    result = validate(FULL)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{FULL}:124:9: warning: podTemplate.topologySpreadConstraints[0]")


def test_errors_of_several_files_each_with_its_name(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("timeout: 1d\n")
    result = validate(MIN, bad)
    assert result.exit_code == 2
    assert [line.partition(": error: ")[0] for line in result.stdout.splitlines()] == [
        f"{bad}:1:1",
        f"{bad}:1:10",
    ]


def test_standard_input():
    assert validate("-", stdin=MIN.read_bytes()).exit_code == 0
    result = validate("-", stdin=b"\xff")
    assert (result.exit_code, result.stdout) == (
        2,
        "<stdin>:1:1: error: byte 0xff is not valid UTF-8 (save the text as UTF-8)\n",
    )


def test_json_is_one_array_with_the_file():
    result = validate("--format", "json", FULL, MIN)
    assert result.exit_code == 0
    (problem,) = json.loads(result.stdout)
    assert problem["file"] == str(FULL)
    assert list(problem) == ["file", "severity", "path", "line", "column", "message", "hint", "code"]
    assert json.loads(validate("--format", "json", MIN).stdout) == []


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("a")
    result = validate(tmp_path / "none.yaml", tmp_path, bad)
    assert result.exit_code == 2
    assert f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory" in result.stderr
    assert f"{tmp_path}: cannot be read: Is a directory" in result.stderr
    assert f"{bad}:1:1: error: the document is not a mapping" in result.stdout


def test_ten_megabytes_are_refused(tmp_path):
    big = tmp_path / "big.yaml"
    big.write_bytes(b"a: b\n" * 2_000_000)
    result = validate(big)
    assert result.exit_code == 2
    assert "more than 1048576 bytes" in result.stdout


@pytest.mark.parametrize(
    "text", ["", "[" * 10_000, "\t", "a: &a [*a]", "\ud83d", "a: !!python/name:os.system"]
)
def test_broken_input_ends_with_2_and_no_traceback(tmp_path, text):
    file = tmp_path / "task.yaml"
    file.write_text(text, errors="surrogatepass")
    result = subprocess.run(
        [sys.executable, "-m", "translator", "validate", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stdout.startswith(f"{file}:1:")
    assert "Traceback" not in result.stdout + result.stderr


SHARED = """\
taskSpec:
  displayName: shared
  volumes: [{name: v, emptyDir: {}}]
  steps:
  - {name: a, image: a, script: echo, timeout: 9s, volumeMounts: [{name: v, mountPath: /v}]}
  - {name: b, image: a, script: echo, volumeMounts: [{name: v, mountPath: /v}]}
"""
STEP = "taskSpec: {displayName: x, steps: [{name: a, image: a, %s}]}\n"
STEPS = ", ".join(f"{{name: s{number}, image: a, script: echo}}" for number in range(30))
LONG = f"podTemplate: {{env: [{{name: A, value: {'x' * 40_000}}}]}}"
MANY = f"{LONG}\ntaskSpec: {{displayName: x, steps: [{STEPS}]}}\n"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (SHARED, None),
        (SHARED, "workflow: {layout: pod}"),
        (STEP % 'script: "#! \\n"', None),
        (STEP % 'script: echo, workingDir: "/{{x}}"', None),
        (MANY, None),
        (STEP % "script: echo", "workflow: {template: w.yaml}"),
        (STEP % "script: echo", "workflow: {template: none.yaml}"),
        (STEP % "script: echo", "policy: {serviceAccounts: [default]}\nworkflow: {template: w.yaml}"),
    ],
    ids=["shared-volume", "layout", "shebang", "templated", "large", "taken-name", "no-template", "account"],
)
def test_it_tells_whatever_render_refuses(tmp_path, monkeypatch, text, settings):
    monkeypatch.chdir(tmp_path)
    Path("task.yaml").write_text(text)
    template = {"kind": "Workflow", "spec": {"serviceAccountName": "ci", "templates": [{"name": "a"}]}}
    Path("w.yaml").write_text(json.dumps(template))
    more = []
    if settings is not None:
        Path("settings.yaml").write_text(settings + "\n")
        more = ["--config", "settings.yaml"]
    told = validate("task.yaml", *more)
    rendered = CliRunner().invoke(app, ["render", "task.yaml", "--task-id", "validate", *more])
    assert (told.exit_code, rendered.exit_code) == (2, 2)
    assert told.stdout + told.stderr == rendered.stderr != ""


def test_braces_where_they_may_be_are_no_problem(tmp_path):
    file = tmp_path / "task.yaml"
    file.write_text(STEP % "script: 'echo {{x}}'")
    assert validate(file).exit_code == 0


def test_it_needs_neither_hera_nor_kubernetes():
    code = (
        "import sys; from translator.cli.validate import validate, Format\n"
        f"validate([{str(MIN)!r}], Format.TEXT, None, server=False, namespace=None)\n"
        "print(*sorted({'hera', 'kubernetes', 'pydantic', 'aiohttp', 'fastapi'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
