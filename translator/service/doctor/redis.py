"""Whether Redis is there."""

from __future__ import annotations

from collections.abc import AsyncIterator

from translator.errors import TranslatorError
from translator.service.doctor.finding import Finding, fault_of, fine
from translator.settings import Settings
from translator.store.connect import connect
from translator.store.wrapped import wrapped

ABOUT = "Redis"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Ask it for a sign of life."""
    if settings.redis is None:
        return
    redis = connect(settings.redis.addr, password=settings.redis.password, db=settings.redis.db)
    try:
        async with wrapped(f"ping {settings.redis.addr}"):
            await redis.ping()
    except TranslatorError as error:
        yield fault_of(ABOUT, error, "check redisConfig and the network")
    else:
        yield fine(ABOUT, f"{settings.redis.addr} answers")
    finally:
        await redis.aclose()
