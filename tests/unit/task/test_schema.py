"""The schema against cerberus and against Argo's own CRD."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cerberus.schema import DefinitionSchema

from translator.task.schema.task import TASK
from translator.task.validator import TaskValidator

CRD = Path(__file__).parents[4] / "shared/cluster/argo-crds/argoproj.io_workflows.yaml"


def test_cerberus_finds_the_schema_well_formed():
    assert DefinitionSchema(TaskValidator(), TASK).schema == TASK


@pytest.fixture(scope="module")
def workflow_spec():
    if not CRD.is_file():
        pytest.skip("Argo's CRDs are not beside this checkout")
    with CRD.open("rb") as stream:
        crd = yaml.load(stream, Loader=yaml.CSafeLoader)
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def keys(rules, path=""):
    """Every known key below, with ``!`` where it is required."""
    if "schema" not in rules:
        return set()
    inner = rules["schema"]
    if "type" in inner and not isinstance(inner["type"], dict):
        return keys(inner, path + "[]")
    found = set()
    for name, field in inner.items():
        found |= {f"{path}.{name}"} | keys(field, f"{path}.{name}")
    return found


def crd_keys(schema, path=""):
    if "items" in schema:
        return crd_keys(schema["items"], path + "[]")
    found = set()
    for name, field in schema.get("properties", {}).items():
        found |= {f"{path}.{name}"} | crd_keys(field, f"{path}.{name}")
    return found


POD = TASK["podTemplate"]["schema"]
STEP = TASK["taskSpec"]["schema"]["steps"]["schema"]["schema"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (POD["affinity"], "affinity"),
        (POD["dnsConfig"], "dnsConfig"),
        (POD["hostAliases"], "hostAliases"),
        (POD["imagePullSecrets"], "imagePullSecrets"),
        (POD["securityContext"], "securityContext"),
        (POD["tolerations"], "tolerations"),
        (POD["volumes"], "volumes"),
        (STEP["env"], "templates[].script.env"),
        (STEP["securityContext"], "templates[].script.securityContext"),
        (STEP["volumeMounts"], "templates[].script.volumeMounts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_known_keys_are_those_of_the_crd(workflow_spec, ours, theirs):
    schema = {"properties": workflow_spec}
    for part in theirs.replace("[]", "").split("."):
        schema = schema.get("items", schema)["properties"][part]
    # the API server refuses these: a claim template's metadata holds labels and annotations alone
    refused = {
        f"[].ephemeral.volumeClaimTemplate.metadata.{name}"
        for name in ("finalizers", "generateName", "name", "namespace")
    }
    assert keys(ours) == crd_keys(schema) - refused
