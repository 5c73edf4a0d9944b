"""Whether Redis is there, and keeps what it has said to have kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

from translator.errors import TranslatorError
from translator.service.doctor.finding import Finding, fault, fault_of, fine, warning
from translator.service.factory import connect_to
from translator.settings import Settings
from translator.store import durability

ABOUT = "Redis"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at every server that takes writes; an embedded one is as it should be."""
    chosen = settings.redis
    if chosen is None:
        return
    redis = connect_to(chosen)
    try:
        found = await durability.examine(redis, wait_replicas=chosen.wait_replicas)
    except TranslatorError as error:
        yield fault_of(ABOUT, error, "check redisConfig and the network")
        return
    finally:
        await redis.aclose()
    for each in found:
        server = f"{ABOUT} {each.server}".rstrip()
        message = f"{each.about}: {each.message}"
        if each.level == "ok":
            yield fine(server, message)
        else:
            yield (warning if each.level == "warning" else fault)(server, message, each.remedy)
