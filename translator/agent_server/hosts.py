"""Under which names the API may be asked for where no token is: a defence against web pages.

A page of anybody can have a browser send requests to a developer's machine. With a name of its own that it
lets point to 127.0.0.1 it may read the answers too: that name is then in ``Host``. Across origins it can only
send, and its own origin is in ``Origin``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from translator.agent_server.address import is_loopback
from translator.agent_server.api_error import ApiError

PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Open to whoever reaches the port: the kubelet and Prometheus ask at the pod's address."""


class HostCheck:
    """Answers a request only where it was sent to this machine, or to a name that is listed.

    It looks at ``Host``, and at ``Origin`` where that is sent; what a proxy says (``X-Forwarded-Host``)
    anybody can say. Where a token is asked for, the token decides.

    Args:
        app: what answers.
        allowed: names besides this machine's, as the setting ``allowedHosts`` has them.
        asks_token: whether a token is asked for now.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str], asks_token: Callable[[], bool]) -> None:
        self._app = app
        self._asks_token = asks_token
        patterns = tuple(each.lower() for each in allowed)
        self._fault = lru_cache(maxsize=256)(lambda host, origin: _fault(patterns, host, origin))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] not in PROBES and not self._asks_token():
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            origins = [value for name, value in scope["headers"] if name == b"origin"]
            # which of several is meant, nobody knows
            host = hosts[0] if len(hosts) == 1 else b""
            if fault := self._fault(host, origins[0] if len(origins) == 1 else b"".join(origins)):
                await ApiError(403, "forbidden-host", fault).answer()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _fault(patterns: Iterable[str], host: bytes, origin: bytes) -> str:
    """Why a request with these headers is refused; empty: it is not."""
    if not _is_allowed(patterns, _name("//" + host.decode("latin-1"))):
        what = f"Host is {host.decode('latin-1')[:100]!r}"
    elif origin and not _is_allowed(patterns, _name(origin.decode("latin-1"))):
        what = f"Origin is {origin.decode('latin-1')[:100]!r}"
    else:
        return ""
    return f"{what}: neither this machine nor in allowedHosts, and no apiToken is set: set one of the two"


def _name(url: str) -> str:
    """The host of a URL, without its port; empty: it has none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
        name = parts.hostname or ""
    except ValueError:
        return ""
    return "" if "@" in parts.netloc or parts.path or parts.query or parts.fragment else name.rstrip(".")


def _is_allowed(patterns: Iterable[str], name: str) -> bool:
    return bool(name) and (is_loopback(name) or any(fnmatchcase(name, pattern) for pattern in patterns))
