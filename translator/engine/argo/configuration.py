"""Which cluster, with which credentials, over what kind of connection."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import aiohttp

from translator.errors import PermanentError

CLUSTER_UNREACHABLE = "ClusterUnreachable"
"""Reason of an error about how a cluster is reached: the operator's, never a task's."""


def usual_kubeconfig() -> str | None:
    """The kubeconfig that kubectl would use: ``$KUBECONFIG``, or ``~/.kube/config`` if it is there."""
    named = os.environ.get("KUBECONFIG")
    usual = Path.home() / ".kube" / "config"
    return named or (str(usual) if usual.exists() else None)


async def load(configuration: Any, kubeconfig: str | None, context: str | None) -> None:
    """Read a cluster's address and credentials into a configuration of the Kubernetes client.

    Args:
        configuration: what is filled in.
        kubeconfig: the file; None: the service account of the pod this runs in.
        context: the kubeconfig's context, if not its current one.

    Raises:
        PermanentError: there is no such thing, or it is broken.
    """
    from kubernetes.aio import config as untyped  # noqa: PLC0415 (costs a second of CPU)

    config: Any = untyped

    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=configuration
            )
    except Exception as error:
        here = "neither $KUBECONFIG nor ~/.kube/config is there, and this is no pod with a service account"
        where = here if kubeconfig is None else f"the kubeconfig {kubeconfig} does not work"
        raise PermanentError(
            f"no cluster is known: {where}: {error}",
            reason=CLUSTER_UNREACHABLE,
            remedy="name a kubeconfig that works (kubectl --kubeconfig FILE get workflows), or run in a pod",
        ) from error


def with_keepalive(transport: Any) -> Any:
    """The transport, with TCP keep-alives: a watch whose peer vanished ends in a minute, not never."""

    class Transport(transport):  # type: ignore[misc]  # kubernetes publishes no types
        def _create_connector(self) -> aiohttp.TCPConnector:
            return aiohttp.TCPConnector(limit=self.maxsize, ssl=self.ssl_context, socket_factory=_socket)

    return Transport


def unchunked(transport: Any) -> aiohttp.ClientSession:
    """A session that asks in HTTP/1.0, to which no server answers in chunks.

    Args:
        transport: of `with_keepalive`; its settings are used, not its connections.
    """
    return aiohttp.ClientSession(
        connector=transport._create_connector(),  # noqa: SLF001 - the client's own hook
        version=aiohttp.HttpVersion10,
        trust_env=True,
        **transport.configuration.client_session_kwargs,
    )


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        for option, value in ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 4)):
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
