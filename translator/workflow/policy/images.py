"""From where an image comes, and whether it may.

A pattern is a registry, or one with the beginning of a repository's path: ``registry.example`` allows all
that is there, ``registry.example/team`` what lies below it, ``*.example`` every registry of that domain.
``*`` stands for any text of one part of the path.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from translator.task.image import image_fault
from translator.workflow.policy.model import allows

_DOCKER = ("docker.io", "index.docker.io", "registry-1.docker.io")


def repository(reference: str) -> str:
    """An image's registry and path, without tag and digest, with what Docker's short names leave out."""
    name = reference.partition("@")[0]
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        first, rest = "docker.io", name
    registry = first.lower()
    path = rest.rpartition(":")[0] if ":" in rest.rpartition("/")[2] else rest
    if registry in _DOCKER:
        registry = "docker.io"
        path = path if "/" in path else f"library/{path}"
    return f"{registry}/{path}"


def image_allowed(patterns: Iterable[str], reference: str) -> bool:
    """Whether the image may be used; text that is no image's reference only where every image may."""
    if image_fault(reference) is not None:
        return tuple(patterns) == ("*",)
    return allows(patterns, repository(reference), _below)


def _below(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.rstrip("/").split("/")
    wanted[0] = wanted[0].lower()
    return len(wanted) <= len(parts) and all(map(fnmatchcase, parts, wanted))
