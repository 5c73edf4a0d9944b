"""Whether agent-server is there, and takes what we would say."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from translator.agent_server.address import LINK_SCHEMES, link_address
from translator.agent_server.client import AgentServerClient
from translator.errors import PermanentError, TranslatorError
from translator.finding import Finding, fault, fault_of, fine
from translator.settings import Settings

ABOUT = "agent-server"

_PATIENCE_S = 10.0
_CHECK = "check SERVER-ADDRESS, eventsPath, agentServerToken, the network, and that agent-server runs"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Ask agent-server something that changes nothing there."""
    address = settings.server_address
    if not address:
        yield fault(ABOUT, "there is no SERVER-ADDRESS", "set SERVER-ADDRESS to agent-server's URL")
    elif address.partition("://")[0].lower() in LINK_SCHEMES:
        yield await _link(settings)
    else:
        yield await _events(settings)


async def _events(settings: Settings) -> Finding:
    client = AgentServerClient(
        settings.server_address,
        events_path=settings.events_path,
        token=settings.agent_server_token,
        timeout=_PATIENCE_S,
    )
    try:
        await client.known([])
    except TranslatorError as error:
        return fault(ABOUT, error.message, _CHECK)
    finally:
        await client.close()
    return fine(ABOUT, f"takes events at {client.url}")


async def _link(settings: Settings) -> Finding:
    """Ask for the link's address without opening one: a second link would take the first one's place."""
    try:
        url, _ = link_address(settings.server_address)
    except PermanentError as error:
        return fault_of(ABOUT, error, _CHECK)
    url = url.with_scheme("https" if url.scheme == "wss" else "http")
    token = settings.agent_server_token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        words = str(error) or type(error).__name__
        return fault(ABOUT, f"cannot reach {settings.server_address}: {words}", _CHECK)
    if status in (401, 403, 404) or status >= 500:
        return fault(ABOUT, f"{settings.server_address} answers {status}", _CHECK)
    return fine(ABOUT, f"is there, at {settings.server_address} (the link itself was not opened)")
