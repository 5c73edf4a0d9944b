"""Where Redis is: the address as it stands in the settings.

=================================================== ====================================================
``HOST:PORT``, ``HOST``                             one server
``redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]``      the same; ``rediss://`` speaks TLS
``unix:///PATH[?db=DB]``                            one server's socket
``redis+sentinel://HOST:PORT,…/MASTER[/DB]``        whichever server these Sentinels say is the master
``redis+cluster://HOST:PORT,…``                     a Redis Cluster, found by any of these nodes
=================================================== ====================================================

``rediss+sentinel`` and ``rediss+cluster`` speak TLS. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

PORT: Final = 6379
SENTINEL_PORT: Final = 26379

Node = tuple[str, int]
"""Host and port."""


class Topology(Enum):
    """How the servers belong together."""

    STANDALONE = "standalone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Address:
    """One address.

    Attributes:
        topology: of the servers.
        nodes: one server; or Sentinels; or some nodes of a cluster. None for a socket.
        path: of a Unix socket; empty: none.
        master: the name by which the Sentinels know it.
        db: the database's number; None: the address does not say.
        username: empty: none.
        password: empty: none.
        tls: whether the servers speak TLS.
    """

    topology: Topology = Topology.STANDALONE
    nodes: tuple[Node, ...] = ()
    path: str = ""
    master: str = ""
    db: int | None = None
    username: str = ""
    password: str = ""
    tls: bool = False


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        ValueError: it is none; the message says why.
    """
    if "://" not in text:
        return Address(nodes=(_node(text, PORT),))
    url = urlsplit(text)
    scheme, _, topology = url.scheme.partition("+")
    tls = scheme == "rediss"
    user, _, password = url.netloc.rpartition("@")[0].partition(":")
    common: dict[str, Any] = {"username": unquote(user), "password": unquote(password)}
    if url.scheme == "unix":
        return Address(path=_socket(url), db=_db(parse_qs(url.query).get("db", [""])[0]), **common)
    if scheme not in {"redis", "rediss"} or topology not in {"", "sentinel", "cluster"}:
        raise ValueError(f"{url.scheme}:// is none of redis, rediss, unix, redis+sentinel and redis+cluster")
    hosts = url.netloc.rpartition("@")[2]
    port = SENTINEL_PORT if topology == "sentinel" else PORT
    nodes = tuple(_node(host, port) for host in hosts.split(","))
    path = [part for part in url.path.split("/") if part]
    if topology == "sentinel":
        if not 1 <= len(path) <= 2:
            raise ValueError("after the Sentinels the master's name is to follow: …:26379/mymaster")
        db = _db(path[1] if len(path) == 2 else "")
        return Address(Topology.SENTINEL, nodes, master=unquote(path[0]), db=db, tls=tls, **common)
    if topology == "cluster":
        if path not in ([], ["0"]):
            raise ValueError("a Redis Cluster has only database 0")
        return Address(Topology.CLUSTER, nodes, db=0, tls=tls, **common)
    if len(nodes) > 1 or len(path) > 1:
        raise ValueError("redis:// names one server; several are redis+sentinel:// or redis+cluster://")
    return Address(nodes=nodes, db=_db(path[0] if path else ""), tls=tls, **common)


def _socket(url: SplitResult) -> str:
    if not url.path.startswith("/") or url.netloc.rpartition("@")[2]:
        raise ValueError("a socket's address is unix:///PATH")
    return unquote(url.path)


def _node(text: str, default: int) -> Node:
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and text.endswith("]")):
        host, port = text, str(default)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise ValueError(f"{text!r} is not host:port")
    return host.strip("[]"), int(port)


def _db(text: str) -> int | None:
    if text and not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is not the number of a database")
    return int(text) if text else None
