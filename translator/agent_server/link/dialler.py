"""Keeps the agent's end of a link connected: dials, converses until the connection ends, and dials again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import aiohttp
import structlog
from yarl import URL

from translator.agent_server.link.actions import Action, Key
from translator.agent_server.link.agent import AgentLink
from translator.agent_server.link.connection import CLOSE_S, Connection, now
from translator.agent_server.protocol.frames import MAX_FRAME, ServerHello
from translator.agent_server.verdict import DENIAL_REMEDY, EXCERPT, is_denial, pointing
from translator.errors import TranslatorError

DIAL_S: Final = 10.0
"""Seconds that agent-server may take to open a WebSocket."""

_log = structlog.get_logger()


class Dialler:
    """Dials for one end, again and again, while `run` runs.

    Args:
        link: that end.
        url: where to dial.
        act: does what the link asks, without waiting.
        token: shown as a bearer token, if any.
        jitter: a number from 0 to 1, another each time: spreads out those who dial after an outage.

    Attributes:
        trouble: why the link is not open, for people.
        denied: why agent-server denied us the last connection; empty: it did not.
    """

    def __init__(
        self,
        link: AgentLink,
        url: URL,
        act: Callable[[Action], None],
        *,
        token: str = "",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.trouble = "it was never there"
        self.denied = ""
        self._link = link
        self._url = url
        self._act = act
        self._jitter = jitter
        self._headers: dict[str, str] = {}
        self.show(token)
        self._connection: Connection | None = None
        self._open = asyncio.Event()

    def show(self, token: str) -> None:
        """Show this bearer token from the next connection on; empty: none."""
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def wake(self) -> None:
        """The link has something to say."""
        if self._connection:
            self._connection.wake()

    def hang_up(self, code: int, reason: str) -> None:
        """End the connection, if there is one."""
        if self._connection:
            self._connection.hang_up(code, reason)

    def greeted(self, hello: ServerHello) -> None:
        """The link is open."""
        self.trouble = self.denied = ""
        self._open.set()
        _log.info("link open", url=str(self._url), server=hello.software)

    async def opened(self) -> None:
        """Wait until the link is open."""
        await self._open.wait()

    async def run(self, unheld: Callable[[], Awaitable[Mapping[Key, int]]] | None = None) -> None:
        """Dial until cancelled.

        Args:
            unheld: asked before each connection for the attempts of which it is not known that their events
                are held, and their highest seq; None: only what the link was offered is known.
        """
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), middlewares=[_no_redirect])
            )
            while True:
                await asyncio.sleep(max(0.0, self._link.dial_at - now()))
                was, denies = self.trouble, False
                try:
                    self.trouble = await self._converse(session, await unheld() if unheld else None)
                except (aiohttp.ClientError, OSError, TranslatorError) as error:
                    self.trouble = _told(error)
                    denies = isinstance(error, aiohttp.WSServerHandshakeError) and is_denial(error.status)
                except Exception:  # noqa: BLE001 - a fault of ours must not end the link for good
                    _log.exception("the link failed", url=str(self._url))
                    self.trouble = "a fault of the translator"
                finally:
                    was_open = self._open.is_set()
                    self._open.clear()
                    for action in self._link.lost(now(), self._jitter()):
                        self._act(action)
                self._judge(denies=denies)
                # a server that stays away is told of once
                if was_open or self.trouble != was:
                    _log.warning("link lost", url=str(self._url), error=self.trouble)

    async def _converse(self, session: aiohttp.ClientSession, unheld: Mapping[Key, int] | None) -> str:
        async with asyncio.timeout(DIAL_S):
            socket = await session.ws_connect(
                self._url,
                headers=self._headers,
                max_msg_size=MAX_FRAME,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
        self._link.connected(now(), unheld)
        self._connection = Connection(socket, self._link, self._act)
        try:
            return await self._connection.run()
        finally:
            self._connection = None

    def _judge(self, *, denies: bool) -> None:
        """Note whether agent-server denied us this connection; what it said before is over."""
        if denies and not self.denied:
            _log.error("agent-server denies the link: events wait", url=str(self._url), error=self.trouble)
        self.denied = f"link {self._url}: {self.trouble}" if denies else ""


async def _no_redirect(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Take a redirect for a refusal.

    `ws_connect` follows redirects, also from ``wss`` to plain ``http`` and to another host, and has no
    argument against it: whoever answers there would get the hello, hand over tasks, and receive their events.
    """
    answer = await handler(request)
    if not 300 <= answer.status < 400:
        return answer
    answer.close()
    raise aiohttp.WSServerHandshakeError(
        answer.request_info, (), status=answer.status, message="a redirect", headers=answer.headers
    )


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {DIAL_S:g} s"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        if 300 <= error.status < 400:
            target = error.headers.get("Location", "")[:EXCERPT] if error.headers else ""
            return (
                f"the request for a WebSocket was answered {error.status}{pointing(target)}; {DENIAL_REMEDY}"
            )
        hint = f"; {DENIAL_REMEDY}" if is_denial(error.status) else ""
        return f"the request for a WebSocket was answered {error.status}{hint}"
    return str(error) or type(error).__name__
