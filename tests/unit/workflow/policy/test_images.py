from __future__ import annotations

import pytest

from translator.workflow.policy.images import image_allowed, repository


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("alpine:3.20", "docker.io/library/alpine"),
        ("team/alpine", "docker.io/team/alpine"),
        ("docker.io/alpine", "docker.io/library/alpine"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine"),
        ("DOCKER.io/library/alpine", "docker.io/library/alpine"),
        ("localhost/x", "localhost/x"),
        ("localhost:5000/x:1", "localhost:5000/x"),
        ("registry.example:5000", "docker.io/library/registry.example"),
        ("registry.example:5000/a/b:tag@sha256:" + "0" * 64, "registry.example:5000/a/b"),
        ("ccr.ccs.tencentyun.com/library/alpine:latest", "ccr.ccs.tencentyun.com/library/alpine"),
    ],
)
def test_an_image_is_known_by_its_whole_name(image, name):
    assert repository(image) == name


@pytest.mark.parametrize(
    ("pattern", "image", "allowed"),
    [
        ("*", "anything/at:all", True),
        ("docker.io", "alpine", True),
        ("docker.io/library", "team/alpine", False),
        ("registry.example", "registry.example/a/b/c", True),
        ("registry.example", "registry.example.evil.example/a", False),
        ("registry.example", "registry.example:5000/a", False),
        ("Registry.Example/team/", "registry.example/team/x", True),
        ("registry.example/team", "registry.example/team2/x", False),
        ("*.example", "a.example/x", True),
        ("*.example", "evil.io/a.example/x", False),
        ("registry.example/*/tools", "registry.example/a/tools/x", True),
        ("registry.example/*/tools", "registry.example/a/b/tools", False),
    ],
)
def test_a_pattern_allows_what_lies_below_it(pattern, image, allowed):
    assert image_allowed((pattern,), image) is allowed


def test_what_is_taken_back_is_not_allowed():
    patterns = ("registry.example", "!registry.example/private")
    assert image_allowed(patterns, "registry.example/public/x")
    assert not image_allowed(patterns, "registry.example/private/x")


def test_no_image_at_all_is_allowed_where_all_are():
    assert image_allowed(("*",), "")
    assert not image_allowed(("docker.io",), "")
