"""Addresses as people write them: URLs of servers, and HOST:PORT to listen on. Pure."""

from __future__ import annotations

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
