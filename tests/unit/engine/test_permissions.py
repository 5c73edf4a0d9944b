from __future__ import annotations

import ast
from pathlib import Path

from translator.engine.argo.permissions import NEEDED

ARGO = Path(__file__).parents[3] / "translator" / "engine" / "argo"
NOT_OF_A_NAMESPACE = {
    ("get", "version"),
    ("create", "selfsubjectaccessreviews"),
    ("create", "selfsubjectreviews"),
}
"""What everybody may ask."""

OF_PERSONS = {("create", "localsubjectaccessreviews"), ("get", "namespaces"), ("create", "pods")}
"""What ``doctor`` and ``validate --server`` ask with the rights of whoever runs them, if those allow it."""

IN_VARIABLES = {
    ("list", "workflows"),
    ("list", "pods"),
    ("watch", "workflows"),
    ("watch", "pods"),
    ("list", "configmaps"),
}
"""Of calls whose resource is a variable: lists and watches."""


def calls() -> set[tuple[str, str]]:
    """Verb and resource of every request that the engine makes."""
    found = set()
    for file in ARGO.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Call":
                verb, resource = (arg.value if isinstance(arg, ast.Constant) else "" for arg in node.args[:2])
                if resource and not resource.startswith("the "):
                    found.add((verb, resource))
    return found


def test_they_are_those_of_the_requests_that_the_engine_makes():
    needed = {(verb, each.resource) for each in NEEDED for verb in each.verbs}
    assert needed == (calls() | IN_VARIABLES) - NOT_OF_A_NAMESPACE - OF_PERSONS
