"""Full garbage collections when we want them, and not when CPython does.

A full one looks at every object there is and stops the event loop meanwhile: 0.3 to 0.9 s with 5,000 followed
Workflows, every few seconds while a thousand changes a second come in (benchmarks/cluster). The younger
generations, which hold most cycles, are collected as ever.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY_S = 600.0
"""Seconds between two full collections: few cycles grow old, so little memory waits for them."""

NEVER = 2**31 - 1
"""The highest threshold that `gc.set_threshold` takes."""


@asynccontextmanager
async def seldom(every: float = EVERY_S) -> AsyncIterator[None]:
    """Within the context a full collection happens at the given interval, and at no other time.

    Args:
        every: seconds.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    collecting = asyncio.create_task(_collect(every), name="full garbage collections")
    try:
        yield
    finally:
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        gc.set_threshold(young, middle, old)


async def _collect(every: float) -> None:
    while True:
        await asyncio.sleep(every)
        gc.collect()
