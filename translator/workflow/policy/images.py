"""From where an image comes, and whether it may.

A pattern is a registry, or one with the beginning of a repository's path: ``registry.example`` allows all
that is there, ``registry.example/team`` what lies below it, ``*.example`` every registry of that domain.
``*`` stands for any text of one part of the path.

One registry has many spellings. Images and patterns are brought to one before they are compared, or a pattern
that takes a registry back would be passed by another spelling of its name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from translator.task.image import image_fault
from translator.workflow.policy.model import allows

_DOCKER = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
"""Hosts that serve Docker Hub; its short names (``alpine``) mean the first."""

_DEFAULT_PORT = 443

_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]+))?")

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def repository(reference: str) -> str:
    """An image's registry and path in one spelling, without tag and digest."""
    name = reference.partition("@")[0]
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        first, rest = "docker.io", name
    registry = canonical_registry(first)
    path = rest.rpartition(":")[0] if ":" in rest.rpartition("/")[2] else rest
    if registry == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return f"{registry}/{path}"


def canonical_registry(text: str) -> str:
    """A registry's ``host[:port]``, or a pattern of one, in the one spelling that is compared.

    Letters are small and ASCII (punycode), a dot at the end and the port 443 are left out, an IP address has
    its shortest form, an IPv4 address in IPv6 its own, and the hosts of Docker Hub are ``docker.io``.

    Raises:
        ValueError: a part of the name has letters beyond ASCII and cannot be a host's, such as ``bü*``.
    """
    match = _HOST.fullmatch(text)
    if match is None:
        return text.lower()  # a wildcard where the port is
    host = _host(match["host"].rstrip("."))
    port = int(match["port"][-9:]) if match["port"] else _DEFAULT_PORT
    if host in _DOCKER and port == _DEFAULT_PORT:
        host = _DOCKER[0]
    return host if port == _DEFAULT_PORT else f"{host}:{port}"


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return host.lower()
        return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address.compressed}]"
    host = ".".join(_label(label) for label in host.split(".")).lower()
    return _ipv4(host) or host


def _label(label: str) -> str:
    if label.isascii():
        return label
    if "*" in label or "?" in label:
        # the wildcard would stand for letters of the punycode, which nobody means
        raise ValueError(f"in {label!r} a wildcard stands beside letters that are not ASCII")
    return label.encode("idna").decode()


def _ipv4(host: str) -> str:
    """The address that a resolver of the C library takes ``0x7f.1`` or ``2130706433`` for; else empty."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return ""
    *heads, last = (_number(part) for part in parts)
    if any(head > 255 for head in heads) or last >= 256 ** (4 - len(heads)):
        return ""
    address = sum(head << (24 - 8 * at) for at, head in enumerate(heads)) + last
    return str(ipaddress.IPv4Address(address))


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text, 16)
    octal = text.startswith("0") and not set(text) & {"8", "9"}
    return int(text, 8 if octal else 10)


def image_allowed(patterns: Iterable[str], reference: str) -> bool:
    """Whether the image may be used; text that is no image's reference only where every image may."""
    if image_fault(reference) is not None:
        return tuple(patterns) == ("*",)
    name = repository(reference)
    patterns = tuple(patterns)
    return allows(patterns, name, _below) and not _taken_back_at_any_port(patterns, name)


def _taken_back_at_any_port(patterns: Iterable[str], name: str) -> bool:
    """Whether a pattern with ``!`` names the host, and no port: the host is not trusted then, at any port."""
    registry, _, path = name.partition("/")
    match = _HOST.fullmatch(registry)
    if match is None or not match["port"]:
        return False
    without_port = f"{match['host']}/{path}"
    return any(pattern.startswith("!") and _below(without_port, pattern[1:]) for pattern in patterns)


def _below(name: str, pattern: str) -> bool:
    first, *rest = pattern.rstrip("/").split("/")
    # [ begins an IPv6 address here, no set of letters
    wanted = [part.replace("[", "[[]") for part in (canonical_registry(first), *rest)]
    parts = name.split("/")
    return len(wanted) <= len(parts) and all(map(fnmatchcase, parts, wanted))
