from __future__ import annotations

import asyncio
import gc
from typing import Any

from translator.service import full_collections


async def test_full_collections_happen_at_the_interval_alone() -> None:
    before = gc.get_threshold()
    happened = asyncio.Event()

    def look(phase: str, info: dict[str, Any]) -> None:
        if phase == "stop" and info["generation"] == 2:
            happened.set()

    gc.callbacks.append(look)
    try:
        async with full_collections.seldom(0.001):
            assert gc.get_threshold() == (*before[:2], full_collections.NEVER)
            async with asyncio.timeout(5):
                await happened.wait()
    finally:
        gc.callbacks.remove(look)
    assert gc.get_threshold() == before
