"""A step's environment: podTemplate, then the step, then ``scriptParams``; the later wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera.workflows import models as m

from translator.task.model import Task
from translator.workflow.literals import (
    BRACE,
    Files,
    changed_by_kubernetes,
    data_must_be_file,
    expandable_must_be_file,
    refuse_templated,
    split_braces,
    uses_brace,
)
from translator.workflow.refusal import Faults
from translator.workflow.secret_params import Secrets
from translator.workflow.structure import structure

PARAM_PREFIX = "codo_"
"""The seed's README: ``abc`` is ``$codo_abc``."""


def step_env(task: Task, index: int, files: Files, secrets: Secrets, faults: Faults) -> list[m.EnvVar]:
    """The env of one step, without the variables of `translator.workflow.context`.

    A later value takes the place of the earlier one, so that what lies between still sees it in ``$(VAR)``;
    one that refers to variables itself stays behind those.
    """
    merged: dict[str, m.EnvVar] = {}
    layers = ((task.pod.env, "podTemplate.env"), (task.steps[index].env, f"taskSpec.steps[{index}].env"))
    for layer, path in layers:
        for position, entry in enumerate(layer):
            variable = _variable(entry, f"{path}[{position}]", files, faults)
            if variable is None:
                continue
            if variable.value is not None and changed_by_kubernetes(variable.value):
                merged.pop(variable.name, None)
            merged[variable.name] = variable
    for key, text in task.params:
        refuse_templated(key, f"args.scriptParams.{key}", faults)
        if key in secrets.keys:
            variable = _from_secret(PARAM_PREFIX + key, secrets.keys[key], secrets.name)
        else:
            variable = _param(PARAM_PREFIX + key, text, files)
        merged[variable.name] = variable
    return list(merged.values())


def from_file(name: str, key: str, files: Files) -> m.EnvVar:
    """A variable whose value is a text of the ConfigMap."""
    reference = m.ConfigMapKeySelector(name=files.name, key=key)
    return m.EnvVar(name=name, value_from=m.EnvVarSource(config_map_key_ref=reference))


def with_brace(env: list[m.EnvVar], texts: list[str]) -> list[m.EnvVar]:
    """The env with the brace before all, where a value or one of the texts needs it."""
    if any(uses_brace(text) for text in texts) or any(uses_brace(v.value or "") for v in env):
        return [m.EnvVar(name=BRACE, value="{"), *env]
    return env


def _variable(entry: Mapping[str, Any], path: str, files: Files, faults: Faults) -> m.EnvVar | None:
    name, value = entry["name"], entry.get("value") or ""
    if "{{" in name or entry.get("valueFrom"):
        return structure(m.EnvVar, entry, path, faults)
    if expandable_must_be_file(value):
        return from_file(name, files.add_text(value), files)
    return m.EnvVar(name=name, value=split_braces(value))


def _from_secret(name: str, key: str, secret: str) -> m.EnvVar:
    reference = m.SecretKeySelector(name=secret, key=key)
    return m.EnvVar(name=name, value_from=m.EnvVarSource(secret_key_ref=reference))


def _param(name: str, text: str, files: Files) -> m.EnvVar:
    if data_must_be_file(text):
        return from_file(name, files.add_text(text), files)
    return m.EnvVar(name=name, value=text)
