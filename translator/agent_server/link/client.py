"""The translator's end of the link: brings events, stores the tasks that come, calls and is called."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

import structlog

from translator import __version__
from translator.agent_server.address import link_address
from translator.agent_server.intake import Intake, submit_batch
from translator.agent_server.json_text import MalformedError
from translator.agent_server.link.actions import (
    Action,
    Called,
    Declined,
    Key,
    Opened,
    Replied,
    Settled,
    TasksCame,
)
from translator.agent_server.link.agent import AgentLink
from translator.agent_server.link.calls import Calls, Method
from translator.agent_server.link.connection import now
from translator.agent_server.link.dialler import Dialler
from translator.agent_server.link.machine import GOING_AWAY, HEARTBEAT_S, MALFORMED, State
from translator.agent_server.link.offers import Offers
from translator.agent_server.link.outgoing import FRAME_BYTES
from translator.agent_server.protocol.fields import ENVELOPE, Known, asked, read_known
from translator.agent_server.protocol.frames import CALL_KNOWN, CALL_TASK
from translator.agent_server.protocol.http import questions
from translator.agent_server.verdict import MAX_RETRY_AFTER
from translator.errors import PermanentError, TemporaryError, TranslatorError

_log = structlog.get_logger()


class LinkClient:
    """Brings events to agent-server, and agent-server's tasks to the intake.

    Args:
        url: agent-server's address, ``ws(s)://HOST[/PATH]?clientId=NAME``.
        biz_id: the business that the agent belongs to.
        token: shown as a bearer token, if any.
        replica: which of the agent's processes this is; empty: there is one.
        row_limit: log lines in one frame (any other event counts as one).
        max_bytes: of one frame that brings events or asks for what is known.
        timeout: seconds within which `send` must succeed.
        heartbeat: seconds within which this end says something, whatever.
        jitter: a number from 0 to 1, another each time: spreads out those who dial after an outage.

    Raises:
        PermanentError: the address is no such URL.
    """

    def __init__(
        self,
        url: str,
        *,
        biz_id: str = "",
        token: str = "",
        replica: str = "",
        row_limit: int = 1000,
        max_bytes: int = FRAME_BYTES,
        timeout: float = 30.0,
        heartbeat: float = HEARTBEAT_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url, client_id = link_address(url)
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._link = AgentLink(
            client_id,
            biz_id=biz_id,
            software=f"translator/{__version__}",
            replica=replica,
            row_limit=row_limit,
            max_bytes=max_bytes,
            heartbeat_s=heartbeat,
        )
        self._dialler = Dialler(self._link, self._url, self._act, token=token, jitter=jitter)
        self._offers = Offers(self._link, self.url, self._dialler.wake)
        self._calls = Calls(self._link, self._dialler.wake)
        self._running: asyncio.Task[None] | None = None
        self._storing: set[asyncio.Task[None]] = set()
        self._intake: Intake | None = None

    @property
    def url(self) -> str:
        """Where it dials."""
        return str(self._url)

    def show(self, token: str) -> None:
        """Show this bearer token when it is dialled next; empty: none."""
        self._dialler.show(token)

    @property
    def denied(self) -> str:
        """Why agent-server denies us the connection (a wrong token or address); empty: it does not."""
        return self._dialler.denied

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def start(
        self,
        intake: Intake,
        methods: Mapping[str, Method] | None = None,
        *,
        unheld: Callable[[], Awaitable[Mapping[Key, int]]] | None = None,
    ) -> None:
        """Begin to dial.

        Args:
            intake: where tasks go.
            methods: what agent-server may call besides tasks, by name.
            unheld: every attempt of which it is not known that its events are held, and its highest seq, as
                stored; asked before each connection. None: only what `send` was given is known.
        """
        self._intake = intake
        self._calls.methods = {CALL_TASK: self._call_task, **(methods or {})}
        self._running = asyncio.create_task(self._dialler.run(unheld), name="link")

    def drain(self) -> None:
        """Tell agent-server that this process is about to stop: it is to hand over no more tasks."""
        self._link.drain(now())
        self._dialler.wake()

    async def close(self) -> None:
        """Hang up and dial no more; whoever waits in `send` gets a TemporaryError."""
        self._dialler.hang_up(GOING_AWAY, "the agent stops")
        tasks = [task for task in (self._running, *self._storing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._calls.close()
        self._offers.close()

    async def opened(self) -> None:
        """Wait until the link is open."""
        await self._dialler.opened()

    async def send(self, events: Sequence[Mapping[str, Any]]) -> dict[Key, int]:
        """Bring events to agent-server; while the link is away, wait for it.

        Returns:
            (taskId, attempt) → highest seq that agent-server now holds.

        Raises:
            TemporaryError: they were not acknowledged in time, or agent-server asks for them later; sending
                the same events again is right and harmless.
            PermanentError: agent-server refuses them.
        """
        if not events:
            return {}
        try:
            return await self._offers.make(events, self._timeout)
        except TimeoutError as error:
            away = "" if self._link.state is State.OPEN else f"; the link is away: {self._dialler.trouble}"
            raise TemporaryError(
                f"link {self._url}: events were not acknowledged within {self._timeout:g} s{away}"
            ) from error

    async def known(self, attempts: Sequence[Key]) -> dict[Key, Known]:
        """Ask what agent-server knows of attempts.

        Returns:
            By (taskId, attempt); those of tasks that it does not know are missing.

        Raises:
            TemporaryError: the link is away, or no answer that makes sense came in time.
            PermanentError: agent-server does not take such a question.
        """
        if not self._link.takes_calls:
            raise PermanentError(
                f"link {self._url}: agent-server takes no calls, so it cannot say what it holds",
                reason="AgentServerRefused",
                remedy=f"let it answer the call {CALL_KNOWN} (docs/protocol.md)",
            )
        known: dict[Key, Known] = {}
        try:
            for part in questions(attempts, self._max_bytes - ENVELOPE):
                known |= read_known(await self.call(CALL_KNOWN, asked(part), timeout=self._timeout))
        except MalformedError as error:
            raise TemporaryError(f"link {self._url}: call {CALL_KNOWN}: {error.message}") from error
        return known

    async def call(self, method: str, params: Any = None, *, timeout: float = 10.0) -> Any:  # noqa: ASYNC109 - it goes over the wire
        """Ask agent-server, and give its result.

        Raises:
            TemporaryError: the link is away, or no reply came in time.
            PermanentError: agent-server answered with an error.
        """
        return await self._calls.ask(method, params, timeout)

    def _act(self, action: Action) -> None:
        if isinstance(action, Settled | Declined):
            self._offers.act(action)
        elif isinstance(action, Called | Replied):
            self._calls.act(action)
        elif isinstance(action, Opened):
            self._dialler.greeted(action.hello)
        elif isinstance(action, TasksCame):
            task = asyncio.create_task(self._store(action), name="link tasks")
            self._storing.add(task)
            task.add_done_callback(self._storing.discard)

    async def _store(self, came: TasksCame) -> None:
        assert self._intake is not None, "start gives it before anything can come"
        try:
            answers = await submit_batch(self._intake, list(came.items))
        except MalformedError as error:
            self._dialler.hang_up(MALFORMED, error.message)
        except TranslatorError as error:
            wait = error.retry_after if isinstance(error, TemporaryError) else None
            wait = 1.0 if wait is None else min(wait, MAX_RETRY_AFTER)
            self._link.postpone(came.ticket, error.message, wait, now())
        except Exception:  # noqa: BLE001 - whatever it is, agent-server gets an answer
            _log.exception("tasks could not be taken", count=len(came.items))
            self._link.postpone(came.ticket, "the translator failed; its log says how", 5.0, now())
        else:
            self._link.answer(came.ticket, [answer.as_json() for answer in answers], now())
        self._dialler.wake()

    async def _call_task(self, item: Any) -> Any:
        assert self._intake is not None, "start gives it before anything can come"
        return (await submit_batch(self._intake, [item]))[0].as_json()
