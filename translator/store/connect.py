"""Clients for Redis, whichever way its servers belong together (`translator.store.address`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    RedisCluster,
    Sentinel,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import ConstantBackoff, NoBackoff

from translator.store.address import Address, Topology, parse_address
from translator.store.wrapped import ANSWER_S

Client = Redis
"""What `connect` gives."""

_CONNECT_S = 2.0
_CONNECTIONS = 32


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the present master, of which there are a bounded number."""

    async def aclose(self) -> None:
        """Close them, and those to the Sentinels."""
        await super().aclose()
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()


def connect(
    address: str | Path | Address,
    *,
    username: str = "",
    password: str = "",
    db: int = 0,
    sentinel_password: str = "",
    ca_file: Path | None = None,
) -> Redis:
    """A client; it connects when it is first used, and its calls share a bounded number of connections.

    Args:
        address: as in the settings, or the path of a Unix socket. What it says of user, password and
            database goes before the other arguments.
        username: empty: none.
        password: empty: none.
        db: the database's number.
        sentinel_password: of the Sentinels themselves; empty: none.
        ca_file: what the servers' certificates are checked against; None: what the system trusts.

    Raises:
        ValueError: the address is none.
    """
    if isinstance(address, Path):
        address = Address(path=str(address))
    elif isinstance(address, str):
        address = parse_address(address)
    common: dict[str, Any] = {
        "username": address.username or username or None,
        "password": address.password or password or None,
        "protocol": 2,
        # One retry at once: after a restart of the server every pooled connection fails once.
        "retry": Retry(ConstantBackoff(0.02), 1),
    }
    if address.path:
        kind: dict[str, Any] = {"connection_class": UnixDomainSocketConnection, "path": address.path}
        return _standalone({**common, **kind, "db": _db(address, db)})
    common["socket_connect_timeout"] = _CONNECT_S
    tls = _tls(ca_file) if address.tls else {}
    if address.topology is Topology.CLUSTER:
        return _cluster(address, {**common, **tls})
    if address.topology is Topology.SENTINEL:
        return _sentinel(address, {**common, **tls, "db": _db(address, db)}, sentinel_password)
    host, port = address.nodes[0]
    tls.pop("ssl", None)
    kind = {"connection_class": SSLConnection if address.tls else Connection, "host": host, "port": port}
    return _standalone({**common, **tls, **kind, "db": _db(address, db)})


def _standalone(options: dict[str, Any]) -> Redis:
    return Redis.from_pool(
        BlockingConnectionPool(max_connections=_CONNECTIONS, timeout=ANSWER_S, socket_timeout=None, **options)
    )


def _sentinel(address: Address, options: dict[str, Any], password: str) -> Redis:
    asking = {name: value for name, value in options.items() if name.startswith(("socket", "ssl"))}
    asking |= {"password": password or None, "protocol": 2, "retry": Retry(NoBackoff(), 0)}
    # a Sentinel that hangs must not keep the others from being asked
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]  # redis-py says no types
        list(address.nodes), sentinel_kwargs={**asking, "socket_timeout": _CONNECT_S}
    )
    client: Redis = sentinel.master_for(
        address.master,
        connection_pool_class=_SentinelPool,
        max_connections=_CONNECTIONS,
        timeout=ANSWER_S,
        socket_timeout=None,
        **options,
    )
    return client


def _cluster(address: Address, options: dict[str, Any]) -> Redis:
    # The client learns from a node's error who holds its slots now, so one that hangs must cause one.
    # It has the methods of Redis that are used here, but no class in common that says so.
    return RedisCluster(  # type: ignore[return-value]
        startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
        max_connections=_CONNECTIONS,
        socket_timeout=ANSWER_S / 2,
        **options,
    )


def _tls(ca_file: Path | None) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
    if ca_file is not None:
        options["ssl_ca_certs"] = str(ca_file)
    return options


def _db(address: Address, db: int) -> int:
    return db if address.db is None else address.db
