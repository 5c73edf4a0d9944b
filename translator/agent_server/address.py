"""Addresses as people write them: URLs of servers, and HOST:PORT to listen on. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from yarl import URL

from translator.agent_server.protocol.frames import LINK_PATH
from translator.errors import PermanentError

LINK_SCHEMES: Final = frozenset({"ws", "wss"})


def join(base_url: str, path: str) -> URL:
    """A path below a server's address.

    Raises:
        PermanentError: the address is no http or https URL.
    """
    try:
        base = URL(base_url)
        usable = base.scheme in {"http", "https"} and bool(base.host)
    except ValueError:
        usable = False
    if not usable:
        raise PermanentError(
            f"{base_url!r} is no address of an HTTP server",
            reason="InvalidAddress",
            remedy="give it as http://HOST:PORT or https://HOST",
        )
    return base.with_query(None).with_fragment(None).joinpath(path.lstrip("/"))


def link_address(url: str) -> tuple[URL, str]:
    """A link's address, with the default path where it has none, and the agent's name in it.

    Raises:
        PermanentError: it is no ws or wss URL, or names no agent.
    """
    try:
        parsed = URL(url)
        usable = parsed.scheme in LINK_SCHEMES and bool(parsed.host)
    except ValueError:
        usable = False
    if not usable:
        raise PermanentError(
            f"{url!r} is no address of a WebSocket server",
            reason="InvalidAddress",
            remedy="give it as ws://HOST:PORT?clientId=NAME or wss://HOST?clientId=NAME",
        )
    client_id = parsed.query.get("clientId", "")
    if not client_id:
        raise PermanentError(
            f"{url!r} does not say which agent this is",
            reason="InvalidAddress",
            remedy="append ?clientId=NAME; agent-server hands the tasks with that agentId over",
        )
    return (parsed if parsed.path.strip("/") else parsed.with_path(LINK_PATH, keep_query=True)), client_id


def parse_listen(text: str) -> tuple[str, int]:
    """HOST:PORT to listen on; an IPv6 address stands in brackets, port 0 chooses a free one.

    Raises:
        ValueError: it is no HOST:PORT.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.netloc != text or "@" in text:
        raise ValueError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
    return host, port


def is_loopback(host: str) -> bool:
    """Whether a host, without a port or brackets, is this machine and nothing else."""
    name = host.rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def require_token(host: str, token: str, *, insecure: bool) -> None:
    """Refuse to serve the API on a network without a token.

    Args:
        host: where the API listens, without a port or brackets.
        token: that callers must show; empty: none.
        insecure: the setting ``insecureApi``.

    Raises:
        PermanentError: anybody who reaches that address could run tasks.
    """
    if token or insecure or is_loopback(host):
        return
    key = "--from-literal=TRANSLATOR_API_TOKEN=$(openssl rand -hex 24)"
    raise PermanentError(
        f"the API would listen on {host} without a token: whoever reaches it could run tasks",
        reason="InsecureApi",
        remedy="set apiToken (TRANSLATOR_API_TOKEN; on Kubernetes: kubectl create secret generic "
        f"translator {key}), listen on 127.0.0.1, or set insecureApi: true",
    )
