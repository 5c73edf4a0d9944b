"""Whether Redis is there, and keeps what it has said to have kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

from translator.errors import TranslatorError
from translator.finding import Finding, fault_of
from translator.service.factory import connect_to
from translator.settings import Settings
from translator.store.durability import examine as examine_servers

ABOUT = "Redis"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at every server that takes writes; an embedded one is as it should be."""
    chosen = settings.redis
    if chosen is None:
        return
    redis = connect_to(chosen)
    try:
        found = await examine_servers(redis, wait_replicas=chosen.wait_replicas)
    except TranslatorError as error:
        yield fault_of(ABOUT, error, "check redisConfig and the network")
        return
    finally:
        await redis.aclose()
    for each in found:
        yield each
