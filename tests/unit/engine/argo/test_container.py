from __future__ import annotations

from typing import Any

import pytest

from translator.engine.argo.container import Container
from translator.engine.argo.objects import Key


def container(image: str | None = None) -> Container:
    pod: dict[str, Any] = {"metadata": {"name": "p", "namespace": "default", "uid": "u"}}
    if image is not None:
        pod["spec"] = {"initContainers": [{"name": "init", "image": image}]}
    return Container(Key("default", "w"), pod, "main", "build")


@pytest.mark.parametrize(
    ("image", "tells"),
    [
        ("quay.io/argoproj/argoexec:v4.1.2", True),
        ("registry:5000/argoexec:4.0.0-rc1", True),
        ("quay.io/argoproj/argoexec:v3.6.19", False),
        ("registry:5000/argoexec:latest", False),
        ("registry:5000/argoexec@sha256:41", False),
        (None, False),
    ],
)
def test_whether_the_executor_tells_its_start_is_known_by_its_tag(image: str | None, tells: bool) -> None:
    assert container(image).tells_start is tells


@pytest.mark.parametrize(
    ("options", "tells"),
    [
        ([], True),
        (["--loglevel", "info", "--log-format", "text"], True),
        (["--loglevel", "debug", "--log-format", "text"], True),
        (["--loglevel", "warn", "--log-format", "text"], False),
        (["--loglevel", "error", "--log-format", "text"], False),
        (["--loglevel", "info", "--log-format", "json"], False),
    ],
)
def test_an_executor_that_logs_otherwise_tells_no_start(options: list[str], tells: bool) -> None:
    command = ["/var/run/argo/argoexec", "emissary", *options, "--", "tool", "--loglevel", "error"]
    pod = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {
            "initContainers": [{"name": "init", "image": "quay.io/argoproj/argoexec:v4.1.2"}],
            "containers": [{"name": "wait"}, {"name": "main", "command": command}],
        },
    }
    assert Container(Key("default", "w"), pod, "main", "build").tells_start is tells


def test_a_container_is_over_when_it_has_ended() -> None:
    one = container()
    one.see({"containerID": "c1", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}})
    assert (one.id, one.terminated, one.over.is_set()) == ("c1", False, False)
    one.see({"state": {"terminated": {"startedAt": "2026-01-01T00:00:00Z", "exitCode": 3}}})
    assert (one.id, one.exit_code, one.terminated, one.over.is_set()) == ("c1", 3, True, True)


def test_a_container_is_over_when_its_pod_is_gone() -> None:
    one = container()
    one.lose()
    assert one.over.is_set()
    assert not one.terminated
