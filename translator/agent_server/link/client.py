"""The translator's shell of the link: dials agent-server again and again, and runs the agent's end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

import aiohttp
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
from translator.agent_server.link.connection import CLOSE_S, Connection
from translator.agent_server.link.machine import GOING_AWAY, HEARTBEAT_S, MALFORMED, State
from translator.agent_server.protocol.fields import Known, asked, read_known
from translator.agent_server.protocol.frames import CALL_KNOWN, CALL_TASK, MAX_FRAME
from translator.agent_server.verdict import DENIAL_REMEDY, MAX_RETRY_AFTER, is_denial
from translator.errors import PermanentError, TemporaryError, TranslatorError

DIAL_S = 10.0

_log = structlog.get_logger()


class LinkClient:
    """Brings events to agent-server, and agent-server's tasks to the intake.

    Args:
        url: agent-server's address, ``ws(s)://HOST[/PATH]?clientId=NAME``.
        biz_id: the business that the agent belongs to.
        token: shown as a bearer token, if any.
        replica: which of the agent's processes this is; empty: there is one.
        row_limit: log lines in one frame (any other event counts as one).
        session: used and not closed; without one the client makes its own.
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
        session: aiohttp.ClientSession | None = None,
        timeout: float = 30.0,
        heartbeat: float = HEARTBEAT_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url, client_id = link_address(url)
        self._headers: dict[str, str] = {}
        self.show(token)
        self._session = session
        self._timeout = timeout
        self._jitter = jitter
        self._link = AgentLink(
            client_id,
            biz_id=biz_id,
            software=f"translator/{__version__}",
            replica=replica,
            row_limit=row_limit,
            heartbeat_s=heartbeat,
        )
        self._connection: Connection | None = None
        self._offers: dict[int, asyncio.Future[dict[Key, int]]] = {}
        self._numbers = itertools.count(1)
        self._trouble = "it was never there"
        self._denied = ""
        self._running: asyncio.Task[None] | None = None
        self._storing: set[asyncio.Task[None]] = set()
        self._intake: Intake | None = None
        self._unheld: Callable[[], Awaitable[Mapping[Key, int]]] | None = None
        self._calls = Calls(self._link, self._wake)
        self._opened = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it dials."""
        return str(self._url)

    def show(self, token: str) -> None:
        """Show this bearer token when it is dialled next; empty: none."""
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @property
    def denied(self) -> str:
        """Why agent-server denies us the connection (a wrong token or address); empty: it does not."""
        return self._denied

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
        self._unheld = unheld
        self._intake = intake
        self._calls.methods = {CALL_TASK: self._call_task, **(methods or {})}
        self._running = asyncio.create_task(self._run(), name="link")

    def drain(self) -> None:
        """Tell agent-server that this process is about to stop: it is to hand over no more tasks."""
        self._link.drain(self._now())
        self._wake()

    async def close(self) -> None:
        """Hang up and dial no more; whoever waits in `send` gets a TemporaryError."""
        if self._connection:
            self._connection.hang_up(GOING_AWAY, "the agent stops")
        tasks = [task for task in (self._running, *self._storing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._calls.close()
        for waiter in self._offers.values():
            if not waiter.done():
                waiter.set_exception(TemporaryError(f"the link to {self._url} was closed here"))

    async def opened(self) -> None:
        """Wait until the link is open."""
        await self._opened.wait()

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
        number = next(self._numbers)
        waiter: asyncio.Future[dict[Key, int]] = asyncio.get_running_loop().create_future()
        self._offers[number] = waiter
        try:
            self._do(self._link.offer(number, events, self._now()))
            self._wake()
            async with asyncio.timeout(self._timeout):
                return await waiter
        except TimeoutError as error:
            away = "" if self._link.state is State.OPEN else f"; the link is away: {self._trouble}"
            raise TemporaryError(
                f"link {self._url}: events were not acknowledged within {self._timeout:g} s{away}"
            ) from error
        finally:
            del self._offers[number]
            self._link.withdraw(number)

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
        try:
            return read_known(await self.call(CALL_KNOWN, asked(attempts), timeout=self._timeout))
        except MalformedError as error:
            raise TemporaryError(f"link {self._url}: call {CALL_KNOWN}: {error.message}") from error

    async def call(self, method: str, params: Any = None, *, timeout: float = 10.0) -> Any:  # noqa: ASYNC109 - it goes over the wire
        """Ask agent-server, and give its result.

        Raises:
            TemporaryError: the link is away, or no reply came in time.
            PermanentError: agent-server answered with an error.
        """
        return await self._calls.ask(method, params, timeout)

    async def _run(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            session = self._session
            if session is None:
                session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
                await stack.enter_async_context(session)
            while True:
                await asyncio.sleep(max(0.0, self._link.dial_at - self._now()))
                was = self._trouble
                try:
                    self._trouble = await self._converse(session)
                except (aiohttp.ClientError, OSError, TranslatorError) as error:
                    self._trouble = _told(error)
                    if isinstance(error, aiohttp.WSServerHandshakeError) and is_denial(error.status):
                        self._deny()
                except Exception:  # noqa: BLE001 - a fault of ours must not end the link for good
                    _log.exception("the link failed", url=str(self._url))
                    self._trouble = "a fault of the translator"
                finally:
                    was_open = self._opened.is_set()
                    self._opened.clear()
                    self._do(self._link.lost(self._now(), self._jitter()))
                # a server that stays away is told of once
                if was_open or self._trouble != was:
                    _log.warning("link lost", url=str(self._url), error=self._trouble)

    def _deny(self) -> None:
        if not self._denied:
            _log.error("agent-server denies the link: events wait", url=str(self._url), error=self._trouble)
        self._denied = f"link {self._url}: {self._trouble}"

    async def _converse(self, session: aiohttp.ClientSession) -> str:
        unheld = await self._unheld() if self._unheld else None
        async with asyncio.timeout(DIAL_S):
            socket = await session.ws_connect(
                self._url,
                headers=self._headers,
                max_msg_size=MAX_FRAME,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
        self._link.connected(self._now(), unheld)
        self._connection = Connection(socket, self._link, self._act, self._now)
        try:
            return await self._connection.run()
        finally:
            self._connection = None

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        if isinstance(action, Settled):
            self._resolve(action.offer, dict(action.held))
        elif isinstance(action, Declined):
            self._resolve(action.offer, _refusal(str(self._url), action))
        elif isinstance(action, TasksCame):
            task = asyncio.create_task(self._store(action), name="link tasks")
            self._storing.add(task)
            task.add_done_callback(self._storing.discard)
        elif isinstance(action, Called | Replied):
            self._calls.act(action)
        elif isinstance(action, Opened):
            self._trouble = self._denied = ""
            self._opened.set()
            _log.info("link open", url=str(self._url), server=action.hello.software)

    def _resolve(self, offer: int, outcome: dict[Key, int] | TranslatorError) -> None:
        waiter = self._offers.get(offer)
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, TranslatorError):
            waiter.set_exception(outcome)
        else:
            waiter.set_result(outcome)

    async def _store(self, came: TasksCame) -> None:
        assert self._intake is not None, "start gives it before anything can come"
        try:
            answers = await submit_batch(self._intake, list(came.items))
        except MalformedError as error:
            if self._connection:
                self._connection.do(self._link.close(MALFORMED, error.message))
        except TranslatorError as error:
            wait = error.retry_after if isinstance(error, TemporaryError) else None
            wait = 1.0 if wait is None else min(wait, MAX_RETRY_AFTER)
            self._link.postpone(came.ticket, error.message, wait, self._now())
        except Exception:  # noqa: BLE001 - whatever it is, agent-server gets an answer
            _log.exception("tasks could not be taken", count=len(came.items))
            self._link.postpone(came.ticket, "the translator failed; its log says how", 5.0, self._now())
        else:
            self._link.answer(came.ticket, [answer.as_json() for answer in answers], self._now())
        self._wake()

    async def _call_task(self, item: Any) -> Any:
        assert self._intake is not None, "start gives it before anything can come"
        return (await submit_batch(self._intake, [item]))[0].as_json()

    def _wake(self) -> None:
        if self._connection:
            self._connection.wake()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _refusal(url: str, declined: Declined) -> TranslatorError:
    task_id, attempt = declined.key
    message = f"link {url}: events of task {task_id}, attempt {attempt}, were refused: {declined.message}"
    if declined.retry_after is not None:
        return TemporaryError(message, retry_after=declined.retry_after)
    return PermanentError(
        message,
        reason="AgentServerRefused",
        remedy="ask agent-server's log why, then replay the parked events",
    )


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {DIAL_S:g} s"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        hint = f"; {DENIAL_REMEDY}" if is_denial(error.status) else ""
        return f"the request for a WebSocket was answered {error.status}{hint}"
    return str(error) or type(error).__name__
