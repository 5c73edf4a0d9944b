"""Asks the API server: objects as JSON, and streams of bytes.

These are raw requests through the Kubernetes client's own configuration and transport. Its typed API cannot
be used here: its Watch ends after 300 s and replays logs from their start, and reading a log has no
``sinceTime`` (kubernetes 37.0.2).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import aiohttp

from translator.crash_point import Step, around
from translator.engine.argo.answers import Call, UnavailableError, words
from translator.engine.argo.connection import JSON, Connection, Request
from translator.engine.argo.stream import Stream, drop

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.9"
"""A list without specs and statuses, from a server that has that form (every supported one does)."""

IN_FLIGHT = 32
"""Ordinary requests at once: who begins to follow thousands of Workflows must not flood the server."""


class ApiServer:
    """The API server of one cluster.

    Args:
        configuration: a ``kubernetes.aio.client.Configuration``; None: it is read when this is opened.
        kubeconfig: as `Connection` has it.
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
        self._connection = Connection(configuration, kubeconfig, context)
        self._patience = aiohttp.ClientTimeout(total=request_timeout)
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)

    async def open(self) -> None:
        """Read the configuration, once; nothing is asked of the cluster yet.

        Raises:
            PermanentError: there is no configuration, or it is broken.
        """
        await self._connection.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

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

    async def ask(
        self, call: Call, path: str, question: Mapping[str, Any], query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """POST a question that makes nothing, such as an access review or a dry run; see `get`."""
        return await self._json(call, "POST", path, query, question)

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
        unchunked = unchunked and self._connection.is_encrypted
        request = Request(call, "GET", path, patience, query, unchunked=unchunked)
        response = await self._connection.answer(request)
        try:
            yield Stream(call, response)
        finally:
            drop(response)

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
        request = Request(call, method, path, self._patience, query, body, accept)
        async with nullcontext() if at_once else self._in_flight:
            response = await self._connection.answer(request)
            try:
                raw = await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise UnavailableError(f"cannot {call}: the answer broke off: {words(error)}") from error
        try:
            got = json.loads(raw)
        except ValueError as error:
            raise UnavailableError(f"cannot {call}: the answer is no JSON: {words(error)}") from error
        if not isinstance(got, dict):
            raise UnavailableError(f"cannot {call}: the answer is no object")
        return got
