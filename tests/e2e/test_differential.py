"""A fixed handful of random tasks, here and on the cluster; ``./just differential`` has the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.differential.runner import LOCAL_PATH, Differential, Side, compare, generate, report
from tests.e2e.attempts import Cluster
from translator.engine.local.engine import LocalEngine

COUNT, SEED = 8, 2


async def test_both_engines_tell_the_same(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    local = LocalEngine(root=tmp_path, environment={"PATH": LOCAL_PATH, "HOME": str(tmp_path)})
    await local.start()
    pair = Differential(
        Side(local, asyncio.Semaphore(4)), Side(cluster.engine, asyncio.Semaphore(COUNT), namespace)
    )
    try:
        failed = await compare(pair, generate(COUNT, SEED))
    finally:
        await local.close()
    assert not failed, "\n\n".join(report(pair, task, SEED) for task in failed)
