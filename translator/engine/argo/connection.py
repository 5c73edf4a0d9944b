"""Sends requests to the API server, with credentials that are read anew where they have expired."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog

from translator.engine.argo.answers import Call, fault, no_answer, words
from translator.engine.argo.configuration import load, unchunked, usual_kubeconfig, with_keepalive
from translator.engine.argo.stream import STREAM_BUFFER
from translator.errors import PermanentError

JSON = "application/json"

MERGE_PATCH = "application/merge-patch+json"
"""RFC 7386, which custom resources understand too."""

_UNSPOKEN = frozenset({426, 505})
"""Statuses that say: not in this version of HTTP (a proxy may; Envoy does, by default)."""

_CONNECTIONS = 1000
"""Open at once to the API server: one for each followed log, two watches, and the requests between."""

_RENEW_S = 10.0
"""Seconds between two readings of the credentials: an exec plugin may take long, or ask somebody."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        call: the request, for messages.
        method: of HTTP.
        path: the URL's path.
        patience: how long it may take.
        query: its query.
        body: an object, sent as JSON.
        accept: in which form the answer is wanted.
        unchunked: the answer is wanted as bare bytes until the connection ends (HTTP/1.0).
    """

    call: Call
    method: str
    path: str
    patience: aiohttp.ClientTimeout
    query: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    accept: str = JSON
    unchunked: bool = False


class Connection:
    """The way to one cluster's API server.

    Args:
        configuration: a ``kubernetes.aio.client.Configuration``; None: it is read when this is opened.
        kubeconfig: a kubeconfig file; None: as kubectl does, ``$KUBECONFIG``, ``~/.kube/config``, or the
            service account of the pod this runs in. It is read again when its credentials have expired.
        context: the kubeconfig's context, if not its current one.
    """

    def __init__(self, configuration: Any, kubeconfig: str | None, context: str | None) -> None:
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._context = context
        self._transport: Any = None
        self._plain: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()
        self._renewed_at = -60.0

    @property
    def is_encrypted(self) -> bool:
        """Whether it is over TLS."""
        return bool(self._configuration.host.startswith("https:"))

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

    async def answer(self, request: Request) -> aiohttp.ClientResponse:
        """The answer, if it is below 400. Renews the credentials once where they have expired.

        Raises:
            UnavailableError: no answer, or one that says to try again.
            RefusedError: the server will not.
        """
        response = await self._send(request)
        if response.status in _UNSPOKEN and request.unchunked:
            response.release()
            request = replace(request, unchunked=False)
            response = await self._send(request)
        if response.status == 401 and await self._renew():
            response.release()
            response = await self._send(request)
        if response.status < 400:
            return response
        try:
            said = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            said = b""
        raise fault(request.call, response.status, said, response.headers.get("Retry-After"))

    async def _send(self, request: Request) -> aiohttp.ClientResponse:
        headers = {"Accept": request.accept, "User-Agent": "translator"}
        if request.method == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        host = self._configuration.host
        try:
            for auth in (await self._configuration.auth_settings()).values():
                headers[auth["key"]] = auth["value"]
            url = f"{host}{request.path}" + (f"?{urlencode(request.query)}" if request.query else "")
            if request.unchunked:
                return await self._unchunked(url, headers, request.patience)
            answer = await self._transport.request(
                request.method, url, headers=headers, body=request.body, _request_timeout=request.patience
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise no_answer(f"cannot {request.call}: {host}: {words(error)}", error) from error
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
        """Read the credentials again (an exec plugin runs again), but not too often."""
        async with self._renewing:
            now = asyncio.get_running_loop().time()
            if now - self._renewed_at < _RENEW_S:
                return True
            try:
                await load(self._configuration, self._kubeconfig, self._context)
            except PermanentError as error:
                _log.warning("credentials cannot be renewed", error=error.message)
                return False
            self._renewed_at = now
            return True
