from __future__ import annotations

import pytest
from pydantic import ValidationError

from translator.settings.policy import PolicyGroup
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


SPELLINGS = {
    "docker.io": [
        "docker.io/library/x", "DOCKER.IO/library/x", "docker.io:443/library/x", "docker.io:0443/library/x",
        "index.docker.io/library/x", "registry-1.docker.io/library/x", "registry-1.docker.io:443/x",
        "Index.Docker.io:443/x", "registry.hub.docker.com/library/x", "library/x", "x", "x:1",
    ],
    "evil.example": [
        "evil.example/x", "EVIL.example/x", "evil.example:443/x", "evil.example:00443/x:tag",
        "evil.example:80/x", "evil.example:8443/x",
    ],
    "bücher.example": ["xn--bcher-kva.example/x", "XN--BCHER-KVA.example/x", "xn--bcher-kva.example:443/x"],
    "BÜCHER.example.": ["xn--bcher-kva.example/x"],
    "evil.example.": ["evil.example/x"],
    "evil.example:443": ["evil.example/x", "evil.example:443/x"],
    "[::1]": ["[::1]/x", "[0:0:0:0:0:0:0:1]/x", "[0000::0001]:443/x", "[::1]:5000/x"],
    "[2001:DB8::A]:5000": ["[2001:db8:0::a]:5000/x", "[2001:db8::000a]:05000/x"],
    "10.0.0.1": [
        "10.0.0.1/x", "[::ffff:a00:1]/x", "10.1:443/x", "0xa.0.0.1/x", "012.0.0.1/x", "167772161:443/x",
    ],
    "*.evil.example": ["a.evil.example:443/x", "A.Evil.Example/x", "a.b.evil.example:5000/x"],
}  # fmt: skip


@pytest.mark.parametrize(("host", "spellings"), SPELLINGS.items())
def test_every_spelling_of_a_registry_is_taken_back_with_it(host, spellings):
    assert [image for image in spellings if image_allowed(("*", f"!{host}"), image)] == []


@pytest.mark.parametrize(
    ("pattern", "images"),
    [
        ("docker.io", SPELLINGS["docker.io"]),
        ("registry-1.docker.io:443/library", SPELLINGS["docker.io"]),
        ("bücher.example", SPELLINGS["bücher.example"]),
        ("[0::1]", SPELLINGS["[::1]"][:3]),
        ("10.0.0.1", SPELLINGS["10.0.0.1"]),
        ("registry.example:*", ["registry.example:5000/x"]),
    ],
)
def test_every_spelling_of_a_registry_is_allowed_with_it(pattern, images):
    assert [image for image in images if not image_allowed((pattern,), image)] == []


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("registry.example", "registry.example:80/x"),
        ("[::1]", ":/x"),
        ("[abc]", "a/x"),
        ("10.0.0.1", "10.0.0.256/x"),
        ("bücher.example", "bucher.example/x"),
    ],
)
def test_another_registry_is_not_taken_for_it(pattern, image):
    assert not image_allowed((pattern,), image)


def test_a_pattern_that_no_registry_can_have_is_told():
    with pytest.raises(ValidationError, match=r"'!bü\*\.example' cannot be a registry"):
        PolicyGroup(registries=["*", "!bü*.example"])


def test_what_is_taken_back_is_not_allowed():
    patterns = ("registry.example", "!registry.example/private")
    assert image_allowed(patterns, "registry.example/public/x")
    assert not image_allowed(patterns, "registry.example/private/x")


def test_no_image_at_all_is_allowed_where_all_are():
    assert image_allowed(("*",), "")
    assert not image_allowed(("docker.io",), "")
