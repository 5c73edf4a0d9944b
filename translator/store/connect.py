"""Clients for Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from translator.store.wrapped import ANSWER_S

_CONNECT_S = 2.0
_CONNECTIONS = 32


def connect(address: str | Path, *, password: str = "", db: int = 0) -> Redis:
    """A client; it connects when it is first used, and its calls share a bounded number of connections.

    Args:
        address: ``host:port``, ``host``, or the path of a Unix socket.
        password: empty: none.
        db: the database's number.

    Raises:
        ValueError: the address is none.
    """
    if isinstance(address, Path):
        where: dict[str, Any] = {"connection_class": UnixDomainSocketConnection, "path": str(address)}
    else:
        host, port = parse_address(address)
        where = {
            "connection_class": Connection,
            "host": host,
            "port": port,
            "socket_connect_timeout": _CONNECT_S,
        }
    pool = BlockingConnectionPool(
        max_connections=_CONNECTIONS,
        timeout=ANSWER_S,
        password=password or None,
        db=db,
        protocol=2,
        socket_timeout=None,
        # One retry at once: after a restart of the server every pooled connection fails once.
        retry=Retry(ConstantBackoff(0.02), 1),
        **where,
    )
    return Redis.from_pool(pool)


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``, ``host`` (port 6379) or ``[IPv6]:port``.

    Raises:
        ValueError: it is none of these.
    """
    host, colon, port = address.rpartition(":")
    if not colon or (address.startswith("[") and address.endswith("]")):
        host, port = address, "6379"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)
