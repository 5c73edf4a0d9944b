"""docs/policy.md: its example is valid, and it tells of every key and every code."""

from __future__ import annotations

import re
from pathlib import Path

from translator.service.options import options
from translator.settings import load_settings
from translator.settings.keys import key_of
from translator.settings.policy import PolicyGroup

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policy.md").read_text()


def test_the_example_is_a_valid_group_with_every_key_but_those_told_elsewhere(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "config.yaml"
    file.write_text(example)
    policy = options(load_settings(file)).policy
    assert (policy.max_steps, policy.secrets) == (50, ("jobs-*",))
    assert policy.step_resources["memory"] == "8Gi"


def test_every_key_is_told_of():
    assert [name for name in PolicyGroup.model_fields if f"{key_of(name)}`" not in PAGE] == []


def test_every_code_is_told_of_and_tried():
    tests = (ROOT / "tests" / "unit" / "workflow" / "policy").glob("*.py")
    tried = {code for test in tests for code in re.findall(r'"(policy-[a-z-]+)"', test.read_text())}
    assert set(re.findall(r"`(policy-[a-z-]+)`", PAGE)) == tried


def test_a_policy_that_cannot_be_read_is_said(tmp_path):
    import pytest

    from translator.settings import InvalidSettingsError

    file = tmp_path / "config.yaml"
    for text, said in (
        ("policy: {level: strict}", "policy.level"),
        ("policy: {levle: baseline}", "did you mean level"),
        ("policy: {stepResources: {cpu: four}}", "'four' is not a quantity"),
        ("policy: {namespaces: default}", "policy.namespaces"),
        ("policy: {maxSteps: 0}", "policy.maxSteps"),
    ):
        file.write_text(text)
        with pytest.raises(InvalidSettingsError, match=re.escape(said)):
            load_settings(file)


def test_the_variables_hold_json(monkeypatch):
    monkeypatch.setenv("TRANSLATOR_POLICY__NAMESPACES", '["jobs"]')
    monkeypatch.setenv("TRANSLATOR_POLICY__STEP_RESOURCES", '{"cpu": "1"}')
    policy = options(load_settings()).policy
    assert (policy.namespaces, policy.step_resources) == (("jobs",), {"cpu": "1"})
