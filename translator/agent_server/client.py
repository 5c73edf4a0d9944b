"""Brings events to agent-server over HTTP: one call, one POST, no retry (the policy is the service's)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Self, TypeVar

import aiohttp
import structlog

from translator.agent_server.address import join
from translator.agent_server.json_text import MalformedError
from translator.agent_server.protocol import (
    EVENTS_PATH,
    Known,
    encode_events,
    encode_question,
    parse_held,
    parse_known,
    questions,
)
from translator.agent_server.verdict import (
    DENIED_PAUSE_S,
    EXCERPT,
    DeniedError,
    denial,
    failure,
    is_denial,
    retry_after,
    succeeded,
)
from translator.errors import PermanentError, TemporaryError

_log = structlog.get_logger()

MAX_QUESTION = 1024 * 1024

MAX_ANSWER = 4 * 1024 * 1024

_T = TypeVar("_T")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AgentServerClient:
    """Sends events by POST.

    Args:
        base_url: agent-server's address (``http://`` or ``https://``), with a path prefix where it has one.
        events_path: where below it events go.
        max_bytes: of one question; events are sent as they are given.
        token: sent as a bearer token, if any.
        session: used and not closed; without one the client makes its own and closes it in `close`.
        timeout: seconds for one call from the connection to the answer's last byte.
        denied_pause: seconds without a request after one was denied, whatever it brought.
        now: the time that an HTTP-date in Retry-After is compared with.

    Raises:
        PermanentError: the address is no http or https URL.
    """

    def __init__(
        self,
        base_url: str,
        *,
        events_path: str = EVENTS_PATH,
        max_bytes: int = MAX_QUESTION,
        token: str = "",
        session: aiohttp.ClientSession | None = None,
        timeout: float = 30.0,
        denied_pause: float = DENIED_PAUSE_S,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._url = join(base_url, events_path)
        self._max_bytes = max_bytes
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self.show(token)
        self._session = session
        self._owned: aiohttp.ClientSession | None = None
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._seconds = timeout
        self._now = now
        self._denied_pause = denied_pause
        self._denied = ""
        self._not_before = 0.0

    @property
    def url(self) -> str:
        """Where events go."""
        return str(self._url)

    def show(self, token: str) -> None:
        """Show this bearer token from now on; empty: none."""
        self._headers.pop("Authorization", None)
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._not_before = 0.0

    @property
    def denied(self) -> str:
        """Why agent-server denies us the connection (a wrong token or address); empty: it does not."""
        return self._denied

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the client's own connections."""
        if self._owned is not None:
            await self._owned.close()
            self._owned = None

    async def send(self, events: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
        """Send one batch.

        Returns:
            (taskId, attempt) → highest seq that agent-server now holds.

        Raises:
            DeniedError: agent-server lets us in nowhere; after that, nothing is asked for a while.
            TemporaryError: no answer, an answer that makes no sense, or one of 408, 425, 429 and 5xx; sending
                the same events again is right and harmless.
            PermanentError: agent-server refuses this batch.
        """
        return await self._post(encode_events(events), parse_held)

    async def known(self, attempts: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Known]:
        """Ask what agent-server knows of attempts.

        Returns:
            By (taskId, attempt); those of tasks that it does not know are missing.

        Raises:
            TemporaryError: as `send`.
            PermanentError: agent-server does not take such a question.
        """
        known: dict[tuple[str, int], Known] = {}
        for part in questions(attempts, self._max_bytes):
            known |= await self._post(encode_question(part), parse_known)
        return known

    async def _post(self, content: bytes, read: Callable[[bytes], _T]) -> _T:
        if (left := self._not_before - time.monotonic()) > 0:
            raise DeniedError(self._denied, retry_after=left)
        try:
            answer = await self._ask(content, read)
        except DeniedError as error:
            if not self._denied:
                _log.error("agent-server denies the connection: events wait", error=error.message)
            self._denied, self._not_before = error.message, time.monotonic() + self._denied_pause
            raise DeniedError(error.message, retry_after=self._denied_pause) from error
        except PermanentError:
            self._let_in()
            raise
        except TemporaryError:
            # what it said before is not what keeps events waiting now
            self._forget_denial()
            raise
        self._let_in()
        return answer

    def _let_in(self) -> None:
        if self._denied:
            _log.info("agent-server lets us in again", url=self.url)
        self._forget_denial()

    def _forget_denial(self) -> None:
        self._denied, self._not_before = "", 0.0

    async def _ask(self, content: bytes, read: Callable[[bytes], _T]) -> _T:
        # as a file: aiohttp would write bytes in one go, holding up the event loop
        body = BytesIO(content)
        try:
            async with self._connections().post(
                self._url, data=body, headers=self._headers, timeout=self._timeout, allow_redirects=False
            ) as answer:
                wait = retry_after(answer.headers.get("Retry-After"), self._now())
                if not succeeded(answer.status):
                    # an encoded character has at most four bytes
                    start = await _read(answer, EXCERPT * 4)
                    excerpt = start.decode(errors="replace")
                    if is_denial(answer.status):
                        target = answer.headers.get("Location", "")[:EXCERPT] if answer.status < 400 else ""
                        raise denial(self.url, answer.status, excerpt, target)
                    raise failure(self.url, answer.status, excerpt, wait)
                return read(await _read(answer, MAX_ANSWER))
        except TimeoutError as error:
            raise TemporaryError(f"POST {self.url} had no answer within {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryError(f"POST {self.url} failed: {str(error) or type(error).__name__}") from error
        except MalformedError as error:
            raise TemporaryError(
                f"POST {self.url} was answered 2xx, but {error.message}", retry_after=wait
            ) from error

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is not None:
            return self._session
        if self._owned is None:
            # no cookie of one answer may colour the next request
            self._owned = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._owned


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body's first `limit` bytes."""
    parts = bytearray()
    while len(parts) < limit and (part := await answer.content.read(limit - len(parts))):
        parts += part
    return bytes(parts)
