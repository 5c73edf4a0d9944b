"""Raw requests to the API server through the Kubernetes client's own configuration and transport.

Its typed API cannot be used here: its Watch ends after 300 s and replays logs from their start, and reading a
log has no ``sinceTime`` (kubernetes 37.0.2).
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog

from translator.crash_point import Step, around
from translator.engine.argo.answers import Call, RefusedError, UnavailableError, fault
from translator.engine.argo.configuration import load, unchunked, usual_kubeconfig, with_keepalive
from translator.errors import PermanentError

JSON = "application/json"

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.9"
"""A list without specs and statuses, from a server that has that form (every supported one does)."""

MERGE_PATCH = "application/merge-patch+json"
"""RFC 7386, which custom resources understand too."""

STREAM_BUFFER = 128 * 1024
"""Bytes held for one stream whose reader is slow (aiohttp stops reading the socket at twice this)."""

BATCH = 128 * 1024
"""Bytes that the kernel gathers of a loud stream before it wakes us: less than `STREAM_BUFFER`, twice."""

LOUD = 4096
"""Bytes of a chunk that show a loud stream: a quiet one comes line by line."""

GATHER_S = 0.04
"""Seconds for which the kernel may gather: they are added to a loud line's way."""

_UNSPOKEN = frozenset({426, 505})
"""Statuses that say: not in this version of HTTP (a proxy may; Envoy does, by default)."""

_CONNECTIONS = 1000
"""Open at once to the API server: one for each followed log, two watches, and the requests between."""

IN_FLIGHT = 32
"""Ordinary requests at once: who begins to follow thousands of Workflows must not flood the server."""

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
        self._plain: aiohttp.ClientSession | None = None
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
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
            self._kubeconfig = self._kubeconfig or usual_kubeconfig()
            configuration = Configuration()
            await load(configuration, self._kubeconfig, self._context)
            self._configuration = configuration
        self._configuration.connection_pool_maxsize = _CONNECTIONS
        # Python 3.13 refuses CAs without some extensions of RFC 5280. Clusters have such CAs, and kubectl
        # takes them; chain and host name are checked all the same.
        self._configuration.disable_strict_ssl_verification = True
        self._configuration.client_session_kwargs = {"read_bufsize": STREAM_BUFFER}
        self._transport = with_keepalive(rest.RESTClientObject)(self._configuration)
        self._plain = unchunked(self._transport)

    async def close(self) -> None:
        """Close every connection."""
        if self._plain is not None:
            await self._plain.close()
        if self._transport is not None:
            await self._transport.close()

    async def get(
        self,
        call: Call,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        at_once: bool = False,
        accept: str = JSON,
    ) -> dict[str, Any]:
        """GET an object or a list.

        Args:
            call: the request, for messages.
            path: the URL's path.
            query: its query.
            at_once: it does not wait for other requests: what thousands need goes before what one needs.
            accept: in which form it is wanted.

        Raises:
            UnavailableError: no answer, or one that says to try again.
            RefusedError: the server will not (404 too; see its `status`).
        """
        return await self._json(call, "GET", path, query, at_once=at_once, accept=accept)

    async def post(
        self,
        step: Step,
        call: Call,
        path: str,
        body: Mapping[str, Any],
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """POST an object; `step` is what that makes durable, for the rest see `get`."""
        with around(step):
            return await self._json(call, "POST", path, query, body)

    async def ask(self, call: Call, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """POST a question that makes nothing, such as an access review; see `get`."""
        return await self._json(call, "POST", path, None, question)

    async def patch(self, step: Step, call: Call, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH an object with a JSON merge patch; see `post`."""
        with around(step):
            return await self._json(call, "PATCH", path, None, body)

    async def delete(self, step: Step, call: Call, path: str, body: Mapping[str, Any] | None = None) -> None:
        """DELETE an object; see `post`."""
        with around(step):
            await self._json(call, "DELETE", path, None, body)

    @asynccontextmanager
    async def stream(
        self, call: Call, path: str, query: Mapping[str, Any], *, silence: float, unchunked: bool = False
    ) -> AsyncIterator[Stream]:
        """GET a stream.

        Args:
            call: the request, for messages.
            path: the URL's path.
            query: its query.
            silence: seconds without a byte after which the connection counts as dead.
            unchunked: as the bare bytes until the connection ends (HTTP/1.0), where TLS tells whether it was
                ended or cut. The API server makes a chunk of every line of a followed log, and taking those
                apart costs more than all that is done with the line.

        Raises:
            UnavailableError: no answer, one that says to try again, or (from the chunks) a broken one.
            RefusedError: the server will not.
        """
        patience = aiohttp.ClientTimeout(total=None, connect=30, sock_connect=10, sock_read=silence)
        unchunked = unchunked and self._configuration.host.startswith("https:")
        response = await self._answer(call, "GET", path, query, None, patience, unchunked=unchunked)
        try:
            yield Stream(call, response)
        finally:
            _drop(response)

    async def _json(
        self,
        call: Call,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None = None,
        *,
        at_once: bool = False,
        accept: str = JSON,
    ) -> dict[str, Any]:
        async with nullcontext() if at_once else self._in_flight:
            response = await self._answer(call, method, path, query, body, self._patience, accept=accept)
            try:
                raw = await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise UnavailableError(f"cannot {call}: the answer broke off: {_words(error)}") from error
        try:
            got = json.loads(raw)
        except ValueError as error:
            raise UnavailableError(f"cannot {call}: the answer is no JSON: {_words(error)}") from error
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
        *,
        unchunked: bool = False,
        accept: str = JSON,
    ) -> aiohttp.ClientResponse:
        """The answer, if it is below 400. Renews the credentials once where they have expired."""
        response = await self._send(call, method, path, query, body, patience, accept, unchunked)
        if response.status in _UNSPOKEN and unchunked:
            response.release()
            unchunked = False
            response = await self._send(call, method, path, query, body, patience, accept, unchunked)
        if response.status == 401 and await self._renew():
            response.release()
            response = await self._send(call, method, path, query, body, patience, accept, unchunked)
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
        accept: str,
        unchunked: bool,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept, "User-Agent": "translator"}
        if method == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        try:
            for auth in (await self._configuration.auth_settings()).values():
                headers[auth["key"]] = auth["value"]
            url = f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
            if unchunked:
                return await self._unchunked(url, headers, patience)
            answer = await self._transport.request(
                method, url, headers=headers, body=body, _request_timeout=patience
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"cannot {call}: {self._configuration.host}: {_words(error)}") from error
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _unchunked(
        self, url: str, headers: dict[str, str], patience: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        assert self._plain is not None, "open() comes first"
        chosen = self._configuration
        options: dict[str, Any] = {"proxy": chosen.proxy, "proxy_headers": chosen.proxy_headers}
        if chosen.tls_server_name:
            options["server_hostname"] = chosen.tls_server_name
        # its end is the answer's end
        asked = {**headers, "Connection": "close"}
        return await self._plain.get(url, headers=asked, timeout=patience, **options)

    async def _renew(self) -> bool:
        """Read the credentials again (an exec plugin runs again), at most once in ten seconds."""
        async with self._renewing:
            now = asyncio.get_running_loop().time()
            if now - self._renewed_at < 10:
                return True
            try:
                await load(self._configuration, self._kubeconfig, self._context)
            except PermanentError as error:
                _log.warning("credentials cannot be renewed", error=error.message)
                return False
            self._renewed_at = now
            return True


class Stream:
    """An answer whose chunks come as the server sends them, until it ends it.

    Args:
        call: the request, for messages.
        response: the answer.
    """

    def __init__(self, call: Call, response: aiohttp.ClientResponse) -> None:
        self._call = call
        self._response = response
        self._gathering: asyncio.TimerHandle | None = None
        self._socket = self._told_of("socket")
        framed = {"Transfer-Encoding", "Content-Length"} & response.headers.keys()
        self._tls = None if framed else self._told_of("ssl_object")
        self.stopped = False

    def stop(self) -> None:
        """End it from this side: whoever waits for a chunk gets none."""
        self.stopped = True
        _drop(self._response)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks.

        Raises:
            UnavailableError: the connection broke.
        """
        try:
            async for chunk in self._response.content.iter_any():
                if len(chunk) >= LOUD:
                    self._gather()
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not self.stopped:
                raise UnavailableError(f"cannot {self._call}: the stream broke: {_words(error)}") from error
        finally:
            if self._gathering is not None:
                self._gathering.cancel()
        if not self.stopped and self._tls is not None and not _was_ended(self._tls):
            raise UnavailableError(f"cannot {self._call}: the stream was cut off")

    def _gather(self) -> None:
        """Let the kernel gather what comes next, for a moment: the API server sends it line by line."""
        if self._gathering is not None:
            self._gathering.cancel()
        elif not self._wake_at(BATCH):
            return
        self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._wake_at(1)

    def _wake_at(self, size: int) -> bool:
        """Ask the kernel to wake us once there are so many bytes. False: it cannot be asked."""
        if self._socket is None or not hasattr(socket, "SO_RCVLOWAT"):
            return False
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
        except OSError:
            return False
        return True

    def _told_of(self, name: str) -> Any:
        """What the connection knows; None where the whole answer is there already."""
        connection = self._response.connection
        transport = connection.transport if connection is not None else None
        return transport.get_extra_info(name) if transport is not None else None


def _was_ended(tls: Any) -> bool:
    """Whether the other side said that it ends the connection (RFC 8446, close_notify)."""
    try:
        return bool(tls.read(1) == b"")
    except ssl.SSLZeroReturnError:
        return True
    except (ssl.SSLError, ValueError):
        return False


def _drop(response: aiohttp.ClientResponse) -> None:
    """Close the connection at once if more was to come on it: a polite TLS shutdown would wait for that."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()


def _words(error: BaseException) -> str:
    """What the error says; its type where it says nothing (a timeout)."""
    return str(error) or type(error).__name__


__all__ = ["JSON", "MERGE_PATCH", "METADATA", "ApiServer", "Call", "RefusedError", "UnavailableError"]
