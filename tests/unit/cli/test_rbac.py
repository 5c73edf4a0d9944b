from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import yaml
from typer.testing import CliRunner

from translator.cli.main import app
from translator.engine.argo.permissions import NEEDED
from translator.service.options import options
from translator.settings import load_settings
from translator.workflow.policy.model import Policy

REPOSITORY = Path(__file__).parents[3]
ENGINE = REPOSITORY / "translator" / "engine" / "argo"

WATCHED = {("list", "workflows"), ("watch", "workflows"), ("list", "pods"), ("watch", "pods")}
"""What `watches.py` has watched: there the verb's resource is a variable."""

REAPED = {("list", "configmaps")}
"""What `reaper.py` lists besides: the same."""

ADMINISTRATORS = {("create", "localsubjectaccessreviews"), ("get", "namespaces"), ("create", "pods")}
"""What `doctor` asks where it may, and `validate --server` with the rights of whoever calls it."""

EVERYBODY = {
    ("create", "selfsubjectaccessreviews"),
    ("create", "selfsubjectreviews"),
    ("get", "version"),
    ("get", "the resources of argoproj.io/v1alpha1"),
}
"""What every account may ask, by the ClusterRoles system:basic-user and system:discovery."""


def rbac(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["rbac", *args])
    return result.exit_code, result.stdout, result.stderr


def used() -> Iterator[tuple[str, str]]:
    """(verb, resource) of every request in the engine's code that names both."""
    for file in ENGINE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Call":
                match node.args[:2]:
                    case [ast.Constant(value=str(verb)), ast.Constant(value=str(resource))]:
                        yield verb, resource


def test_the_role_allows_what_the_engine_asks_and_no_more():
    role = next(yaml.safe_load_all(rbac("default")[1]))
    allowed = {
        (verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert allowed == {*used(), *WATCHED, *REAPED} - EVERYBODY - ADMINISTRATORS
    assert allowed == {(verb, needed.resource) for needed in NEEDED for verb in needed.verbs}


def test_deploy_has_the_permissions_of_the_namespace_default():
    assert (REPOSITORY / "deploy" / "task-namespace.yaml").read_text() == rbac("default")[1]


def test_each_namespace_gets_its_own(tmp_path: Path):
    code, out, _ = rbac("team-a", "team-b", "team-a")
    assert code == 0
    objects = list(yaml.safe_load_all(out))
    assert [thing["metadata"]["namespace"] for thing in objects] == ["team-a"] * 6 + ["team-b"] * 6
    bindings = [thing for thing in objects if thing["kind"] == "RoleBinding"]
    assert {subject["namespace"] for binding in bindings for subject in binding["subjects"]} == {
        "translator",
        "team-a",
        "team-b",
    }


def test_the_settings_name_namespaces_and_accounts(tmp_path: Path):
    file = tmp_path / "config.yaml"
    file.write_text(
        "argo: {namespaces: [team-a]}\nworkflow: {executorServiceAccount: argo, serviceAccount: job}\n"
    )
    _, out, _ = rbac("--config", str(file), "--account", "codo/agent-server")
    of_translator, of_executor = [each for each in yaml.safe_load_all(out) if each["kind"] == "RoleBinding"]
    account = {"kind": "ServiceAccount"}
    assert of_translator["subjects"] == [{**account, "name": "agent-server", "namespace": "codo"}]
    executor = {**account, "name": "argo", "namespace": "team-a"}
    assert of_executor["subjects"] == [executor]
    assert "name: argo.service-account-token" in out
    # from 0.1, whose Workflows report as the pods' own account
    _, out, _ = rbac("--config", str(file), "--upgrade")
    of_translator, of_executor = [each for each in yaml.safe_load_all(out) if each["kind"] == "RoleBinding"]
    assert of_executor["subjects"] == [executor, {**account, "name": "job", "namespace": "team-a"}]
    assert of_translator["subjects"] == [{**account, "name": "translator", "namespace": "translator"}]


def test_the_settings_name_the_service_s_own_account(tmp_path: Path):
    file = tmp_path / "config.yaml"
    file.write_text("argo: {namespaces: [team-a], serviceAccount: codo/agent-server}\n")
    _, of_translator, *_ = yaml.safe_load_all(rbac("--config", str(file))[1])
    [subject] = of_translator["subjects"]
    assert (subject["name"], subject["namespace"]) == ("agent-server", "codo")
    assert _policy_of(file).own_accounts == ("executor", "agent-server")


def _policy_of(file: Path) -> Policy:
    return options(load_settings(file)).policy


def test_what_is_missing_is_said():
    assert rbac()[0] == 2
    assert "name the namespaces" in rbac()[2]
    for account in ("translator", "a/b/c", "a/", "/b"):
        code, out, err = rbac("default", "--account", account)
        assert (code, out) == (2, "")
        assert f"--account {account}: must be NAMESPACE/NAME" in err
    assert "'Team' cannot be a namespace's name" in rbac("Team")[2]
