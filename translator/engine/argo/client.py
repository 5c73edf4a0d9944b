"""Raw requests to the API server through the Kubernetes client's own configuration and transport.

Its typed API cannot be used here: its Watch ends after 300 s and replays logs from their start, and reading a
log has no ``sinceTime`` (kubernetes 37.0.2).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog

from translator.engine.argo.answers import Call, RefusedError, UnavailableError, fault
from translator.errors import PermanentError

MERGE_PATCH = "application/merge-patch+json"
"""RFC 7386, which custom resources understand too."""

STREAM_BUFFER = 128 * 1024
"""Bytes held for one stream whose reader is slow (aiohttp stops reading the socket at twice this)."""

_CONNECTIONS = 1000
"""Open at once to the API server: one for each followed log, two watches, and the requests between."""

CLUSTER_UNREACHABLE = "ClusterUnreachable"
"""Reason of an error about how a cluster is reached: the operator's, never a task's."""

_log = structlog.get_logger(__name__)


class ApiServer:
    """The API server of one cluster.

    Args:
        configuration: a ``kubernetes.aio.client.Configuration``; None: it is read when this is opened.
        kubeconfig: a kubeconfig file; None: as kubectl does, ``$KUBECONFIG``, ``~/.kube/config``, or the
            service account of the pod this runs in. It is read again when its credentials have expired.
        context: the kubeconfig's context, if not its current one.
        request_timeout: seconds that an ordinary request may take.
    """

    def __init__(
        self,
        configuration: Any = None,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        request_timeout: float = 30,
    ) -> None:
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._context = context
        self._patience = aiohttp.ClientTimeout(total=request_timeout)
        self._transport: Any = None
        self._renewing = asyncio.Lock()
        self._renewed_at = -60.0

    async def open(self) -> None:
        """Read the configuration, once; nothing is asked of the cluster yet.

        Raises:
            PermanentError: there is no configuration, or it is broken.
        """
        if self._transport is not None:
            return
        from kubernetes.aio.client import Configuration, rest  # noqa: PLC0415 (costs a second of CPU)

        if self._configuration is None:
            self._kubeconfig = self._kubeconfig or _usual_kubeconfig()
            configuration = Configuration()
            await _load(configuration, self._kubeconfig, self._context)
            self._configuration = configuration
        self._configuration.connection_pool_maxsize = _CONNECTIONS
        self._configuration.client_session_kwargs = {"read_bufsize": STREAM_BUFFER}
        self._transport = _with_keepalive(rest.RESTClientObject)(self._configuration)

    async def close(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            await self._transport.close()

    async def get(self, call: Call, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """GET an object or a list.

        Raises:
            UnavailableError: no answer, or one that says to try again.
            RefusedError: the server will not (404 too; see its `status`).
        """
        return await self._json(call, "GET", path, query)

    async def post(
        self, call: Call, path: str, body: Mapping[str, Any], query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """POST an object; see `get`."""
        return await self._json(call, "POST", path, query, body)

    async def put(self, call: Call, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PUT an object; see `get`."""
        return await self._json(call, "PUT", path, None, body)

    async def patch(self, call: Call, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH an object with a JSON merge patch; see `get`."""
        return await self._json(call, "PATCH", path, None, body)

    async def delete(self, call: Call, path: str, body: Mapping[str, Any] | None = None) -> None:
        """DELETE an object; see `get`."""
        await self._json(call, "DELETE", path, None, body)

    @asynccontextmanager
    async def stream(
        self, call: Call, path: str, query: Mapping[str, Any], *, silence: float
    ) -> AsyncIterator[Stream]:
        """GET a stream.

        Args:
            call: the request, for messages.
            path: the URL's path.
            query: its query.
            silence: seconds without a byte after which the connection counts as dead.

        Raises:
            UnavailableError: no answer, one that says to try again, or (from the chunks) a broken one.
            RefusedError: the server will not.
        """
        patience = aiohttp.ClientTimeout(total=None, connect=30, sock_connect=10, sock_read=silence)
        response = await self._answer(call, "GET", path, query, None, patience)
        try:
            yield Stream(call, response)
        finally:
            response.close()

    async def _json(
        self,
        call: Call,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        response = await self._answer(call, method, path, query, body, self._patience)
        try:
            raw = await response.read()
            got = json.loads(raw)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UnavailableError(f"cannot {call}: the answer is broken: {_words(error)}") from error
        if not isinstance(got, dict):
            raise UnavailableError(f"cannot {call}: the answer is no object")
        return got

    async def _answer(
        self,
        call: Call,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        patience: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The answer, if it is below 400. Renews the credentials once where they have expired."""
        response = await self._send(call, method, path, query, body, patience)
        if response.status == 401 and await self._renew():
            response.release()
            response = await self._send(call, method, path, query, body, patience)
        if response.status < 400:
            return response
        try:
            said = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            said = b""
        raise fault(call, response.status, said, response.headers.get("Retry-After"))

    async def _send(
        self,
        call: Call,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        patience: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "User-Agent": "translator"}
        if method == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        try:
            for auth in (await self._configuration.auth_settings()).values():
                headers[auth["key"]] = auth["value"]
            url = f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
            answer = await self._transport.request(
                method, url, headers=headers, body=body, _request_timeout=patience
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"cannot {call}: {self._configuration.host}: {_words(error)}") from error
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _renew(self) -> bool:
        """Read the credentials again (an exec plugin runs again), at most once in ten seconds."""
        async with self._renewing:
            now = asyncio.get_running_loop().time()
            if now - self._renewed_at < 10:
                return True
            try:
                await _load(self._configuration, self._kubeconfig, self._context)
            except PermanentError as error:
                _log.warning("credentials cannot be renewed", error=error.message)
                return False
            self._renewed_at = now
            return True


def _usual_kubeconfig() -> str | None:
    named = os.environ.get("KUBECONFIG")
    usual = Path.home() / ".kube" / "config"
    return named or (str(usual) if usual.exists() else None)


async def _load(configuration: Any, kubeconfig: str | None, context: str | None) -> None:
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
            f"no cluster is known: {where}: {_words(error)}",
            reason=CLUSTER_UNREACHABLE,
            remedy="name a kubeconfig that works (kubectl --kubeconfig FILE get workflows), or run in a pod",
        ) from error


class Stream:
    """An answer whose chunks come as the server sends them, until it ends it.

    Args:
        call: the request, for messages.
        response: the answer.
    """

    def __init__(self, call: Call, response: aiohttp.ClientResponse) -> None:
        self._call = call
        self._response = response
        self.stopped = False

    def stop(self) -> None:
        """End it from this side: whoever waits for a chunk gets none."""
        self.stopped = True
        self._response.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks.

        Raises:
            UnavailableError: the connection broke.
        """
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not self.stopped:
                raise UnavailableError(f"cannot {self._call}: the stream broke: {_words(error)}") from error


def _with_keepalive(transport: Any) -> Any:
    """The transport, with TCP keep-alives: a watch whose peer vanished ends in a minute, not never."""

    class Transport(transport):  # type: ignore[misc]  # kubernetes publishes no types
        def _create_connector(self) -> aiohttp.TCPConnector:
            return aiohttp.TCPConnector(limit=self.maxsize, ssl=self.ssl_context, socket_factory=_socket)

    return Transport


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        for option, value in ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 4)):
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


def _words(error: BaseException) -> str:
    """What the error says; its type where it says nothing (a timeout)."""
    return str(error) or type(error).__name__


__all__ = ["MERGE_PATCH", "ApiServer", "Call", "RefusedError", "UnavailableError"]
