"""deploy/ says what is true of the service; tests/e2e applies it to a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute

from translator import __version__
from translator.agent_server.api import create_app
from translator.service.http import OPEN_REQUESTS_S
from translator.service.replica import LEAVE_S
from translator.settings import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"


def objects(file: str) -> list[dict[str, Any]]:
    return [thing for thing in yaml.safe_load_all((DEPLOY / file).read_text()) if thing]


def one(file: str, kind: str) -> dict[str, Any]:
    return next(thing for thing in objects(file) if thing["kind"] == kind)


def pod(file: str, kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = one(file, kind)["spec"]["template"]["spec"]
    return spec


PODS = [
    ("deployment.yaml", "Deployment"),
    ("redis.yaml", "StatefulSet"),
    ("sidecar/container.yaml", "Deployment"),
]


@pytest.fixture
def settings(tmp_path: Path):
    file = tmp_path / "config.yaml"
    file.write_text(one("configmap.yaml", "ConfigMap")["data"]["config.yaml"])
    return load_settings(file)


def test_the_configmap_holds_settings_that_fit_the_other_files(settings):
    assert settings.engine == "argo"
    services = {s["metadata"]["name"]: s["spec"]["ports"][0]["port"] for s in (one("redis.yaml", "Service"),)}
    assert settings.redis is not None
    host, port = settings.redis.addr.split(":")
    assert services == {host: int(port)}
    container = pod("deployment.yaml", "Deployment")["containers"][0]
    assert settings.listen == f"0.0.0.0:{container['ports'][0]['containerPort']}"
    roles = [thing for thing in objects("task-namespace.yaml") if thing["kind"] == "Role"]
    assert [role["metadata"]["namespace"] for role in roles] == [*settings.argo.namespaces] * 2


@pytest.mark.parametrize("file", ["deployment.yaml", "sidecar/container.yaml"])
def test_a_pod_waits_for_the_token_that_serve_asks_for(file):
    """Without it `serve` would end at once, again and again; the kubelet names the Secret and the key."""
    container = pod(file, "Deployment")["containers"][0]
    (token,) = container["env"]
    assert token == {
        "name": "TRANSLATOR_API_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "translator", "key": "TRANSLATOR_API_TOKEN"}},
    }
    assert container["envFrom"] == [{"secretRef": {"name": "translator"}}]
    assert (
        'create secret generic translator --from-literal=TRANSLATOR_API_TOKEN="$('
        in (DEPLOY / file).read_text()
    )


def test_it_has_the_seeds_keys_and_no_secret():
    text = one("configmap.yaml", "ConfigMap")["data"]["config.yaml"]
    assert {"SERVER-ADDRESS", "BIZ-ID", "ROW-LIMIT", "LOG-LEVEL", "redisConfig"} <= set(yaml.safe_load(text))
    assert "password" not in text
    assert "oken" not in text


def test_a_pod_has_time_to_stop(settings):
    spec = pod("deployment.yaml", "Deployment")
    leaving = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    stopping = settings.termination_grace_seconds + LEAVE_S
    assert spec["terminationGracePeriodSeconds"] > leaving + OPEN_REQUESTS_S + stopping


def test_the_probes_ask_what_the_api_serves():
    class Nobody:
        """The API is only looked at."""

    served = {route.path for route in create_app(Nobody()).routes if isinstance(route, APIRoute)}
    asked = {
        container[probe]["httpGet"]["path"]
        for file in ("deployment.yaml", "sidecar/container.yaml")
        for container in pod(file, "Deployment")["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if probe in container
    }
    assert asked == {"/healthz", "/readyz"} <= served


@pytest.mark.parametrize(("file", "kind"), PODS)
def test_every_container_keeps_the_restricted_standard_and_has_limits(file, kind):
    spec = pod(file, kind)
    for container in spec["containers"]:
        context = {**spec.get("securityContext", {}), **container["securityContext"]}
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        for kind_of in ("requests", "limits"):
            assert set(container["resources"][kind_of]) == {"cpu", "memory"}


def test_the_image_is_of_this_version():
    images = {c["image"] for f, k in PODS if "redis" not in f for c in pod(f, k)["containers"]}
    assert images == {f"translator:{__version__}"}


def test_both_ways_of_running_have_the_same_account():
    assert objects("sidecar/service-account.yaml") == objects("service-account.yaml")


def selectors() -> Iterator[tuple[str, dict[str, str]]]:
    for file in ("deployment.yaml", "redis.yaml", "network-policy.yaml"):
        for thing in objects(file):
            spec = thing.get("spec", {})
            found = spec.get("podSelector") or spec.get("selector") or {}
            if found:
                yield f"{file} {thing['kind']}", found.get("matchLabels", found)


@pytest.mark.parametrize(("where", "labels"), [pytest.param(*each, id=each[0]) for each in selectors()])
def test_every_selector_finds_pods(where, labels):
    templates = [one("deployment.yaml", "Deployment"), one("redis.yaml", "StatefulSet")]
    pods = [template["spec"]["template"]["metadata"]["labels"] for template in templates]
    assert any(labels.items() <= found.items() for found in pods)


def test_kustomize_takes_every_file_of_the_base():
    listed = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(
        file.name for file in DEPLOY.glob("*.yaml") if file.name != "kustomization.yaml"
    )


def test_the_secret_s_variables_join_the_configmap(tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"
    file.write_text(one("configmap.yaml", "ConfigMap")["data"]["config.yaml"])
    comment = (DEPLOY / "configmap.yaml").read_text().partition("apiVersion")[0]
    for name in ("TRANSLATOR_REDIS__PASSWORD", "TRANSLATOR_API_TOKEN", "TRANSLATOR_AGENT_SERVER_TOKEN"):
        assert name in comment
        monkeypatch.setenv(name, f"secret of {name}")
    joined = load_settings(file)
    assert joined.redis is not None
    assert joined.redis.addr == "translator-redis:6379"
    assert joined.redis.password == "secret of TRANSLATOR_REDIS__PASSWORD"
    assert joined.api_token == "secret of TRANSLATOR_API_TOKEN"
    assert joined.agent_server_token == "secret of TRANSLATOR_AGENT_SERVER_TOKEN"
