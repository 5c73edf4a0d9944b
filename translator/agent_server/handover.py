"""The stand-in's way of handing tasks to the translator: in order, again and again until it answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from translator.agent_server.address import join
from translator.agent_server.feed import Feed
from translator.agent_server.json_text import MalformedError, parse_json
from translator.agent_server.protocol import BATCH_PATH
from translator.agent_server.verdict import failure, succeeded
from translator.errors import PermanentError, TemporaryError

TIMEOUT: Final = aiohttp.ClientTimeout(total=30)

_BACKOFF: Final = wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.1)

_log = logging.getLogger(__name__)


class Handover:
    """POSTs batches to the agent, one after the other.

    Args:
        agent: the translator's address; batches wait while it is empty.
        token: shown to the agent as a bearer token, if any.

    Attributes:
        answers: what the agent answered, item by item, as JSON; the outcome ``undelivered``, of our own, says
            that the agent refused the whole batch.

    Raises:
        PermanentError: the address is no http or https URL.
    """

    def __init__(self, agent: str, token: str) -> None:
        self.answers: Feed[Mapping[str, Any]] = Feed()
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._batches: asyncio.Queue[Sequence[tuple[str, Mapping[str, Any]]]] = asyncio.Queue()
        self._known = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.agent = agent

    @property
    def agent(self) -> str:
        """The translator's address."""
        return self._agent

    @agent.setter
    def agent(self, url: str) -> None:
        if url:
            self._url = join(url, BATCH_PATH)
            self._known.set()
        else:
            self._known.clear()
        self._agent = url

    def start(self) -> None:
        """Begin to hand over."""
        self._task = asyncio.create_task(self._run(), name="stand-in handover")

    async def close(self) -> None:
        """Stop; what is not handed over yet is forgotten."""
        self.answers.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def add(self, items: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Hand these items over, unchanged, after those before.

        Args:
            items: each one's taskId and the item as it came.
        """
        if items:
            self._batches.put_nowait(items)

    async def _run(self) -> None:
        async with aiohttp.ClientSession(
            headers=self._headers, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            while True:
                batch = await self._batches.get()
                self.answers.extend(await self._deliver(session, batch))

    async def _deliver(
        self, session: aiohttp.ClientSession, batch: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[Mapping[str, Any]]:
        body = json.dumps([item for _, item in batch], ensure_ascii=False).encode()
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TemporaryError), wait=_wait, before_sleep=_tell, reraise=True
        )
        try:
            return await retrying(self._post, session, body, len(batch))
        except PermanentError as error:
            _log.error("the agent refused %d tasks: %s", len(batch), error)
            return [
                {"taskId": task_id, "outcome": "undelivered", "message": error.message}
                for task_id, _ in batch
            ]

    async def _post(self, session: aiohttp.ClientSession, body: bytes, count: int) -> list[Mapping[str, Any]]:
        await self._known.wait()
        try:
            async with session.post(self._url, data=BytesIO(body), allow_redirects=False) as answer:
                text = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise TemporaryError(f"POST {self._url} failed: {str(error) or type(error).__name__}") from error
        if not succeeded(answer.status):
            raise failure(str(self._url), answer.status, text.decode(errors="replace"), None)
        try:
            answers = parse_json(text)
        except MalformedError as error:
            raise TemporaryError(f"POST {self._url} was answered 2xx, but {error.message}") from error
        if not isinstance(answers, list) or [type(answer) for answer in answers] != [dict] * count:
            raise TemporaryError(f"POST {self._url} was answered 2xx, but not with one answer for each task")
        return answers


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, TemporaryError) else None
    return max(_BACKOFF(state), asked or 0.0)


def _tell(state: RetryCallState) -> None:
    _log.warning("handing over failed, trying again: %s", state.outcome.exception() if state.outcome else "")
