from __future__ import annotations

import base64
import gzip
import json

import pytest

from tests.unit.observe.shapes import node, workflow
from translator.observe.nodes import exit_code, read


def test_steps_are_the_nodes_within_the_roots_boundary():
    other = node("b") | {"boundaryID": "wf-elsewhere"}
    found = read(workflow(node("a"), other, node("c", type="TaskGroup")).object)
    assert list(found.steps) == ["a"]


def test_compressed_nodes_are_the_same():
    plain = workflow(node("a", "Failed", "main: Error (exit code 3)", 3))
    packed = json.loads(json.dumps(plain.object))
    squeezed = gzip.compress(json.dumps(packed["status"].pop("nodes")).encode())
    packed["status"]["compressedNodes"] = base64.b64encode(squeezed).decode()
    assert read(packed) == read(plain.object)


def test_nodes_that_are_kept_elsewhere_are_unknown_and_not_absent():
    found = workflow().object
    del found["status"]["nodes"]
    assert read(found).steps == {}
    found["status"]["offloadNodeStatusVersion"] = "fnv:1"
    assert read(found).steps is None


@pytest.mark.parametrize(
    ("message", "want"),
    [
        ("main: Error (exit code 3)", "Error (exit code 3)"),
        ("s2: Error (exit code 3): ", "Error (exit code 3): "),
        ("Error (exit code 3)", "Error (exit code 3)"),
        ("main: OOMKilled (exit code 137)", "OOMKilled (exit code 137)"),
        ("Unschedulable: 0/1 nodes", "Unschedulable: 0/1 nodes"),
    ],
)
def test_the_containers_name_is_not_part_of_the_message(message, want):
    assert read(workflow(node("a", "Failed", message)).object).steps["a"].message == want


@pytest.mark.parametrize(
    ("message", "want"), [("Error (exit code 3): x", 3), ("pod deleted", None), ("", None)]
)
def test_exit_codes_of_messages(message, want):
    assert exit_code(message) == want


def test_a_root_that_has_ended_ends_a_workflow_that_goes_on():
    found = workflow(node("a", "Succeeded", code=0), phase="Succeeded").object
    found["status"]["phase"] = "Running"
    assert read(found).final
    assert read(found).phase == "Succeeded"


@pytest.mark.parametrize(("seconds", "want"), [(None, False), (10, True), (11, False)])
def test_overdue(seconds, want):
    spec = {} if seconds is None else {"activeDeadlineSeconds": seconds}
    assert read(workflow(phase="Failed", **spec).object).overdue is want
    assert not read(workflow(**spec).object).overdue
