"""The Argo engine with thousands of followers, in a process of its own.

Run by `watch.py`: ``followers.py API_SERVER WORKFLOWS FILE``. Says when it follows them all; at SIGTERM it
writes what it saw: when each observation came to its follower, and how late.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from kubernetes.aio.client import Configuration

from translator.engine.argo.client import ApiServer
from translator.engine.argo.engine import ArgoEngine
from translator.observe.observation import WorkflowRef, WorkflowSeen
from translator.service import full_collections

NAMESPACE = "busy"


class Followers:
    """All of them.

    Args:
        engine: started.
        count: how many.
    """

    def __init__(self, engine: ArgoEngine, count: int) -> None:
        self._engine = engine
        self._missing = count
        self.seen: list[tuple[float, float]] = []
        self.all = asyncio.Event()

    async def follow(self, number: int) -> None:
        """One Workflow, until cancelled."""
        new = True
        ref = WorkflowRef(NAMESPACE, f"task-busy-{number}", f"uid-{number}")
        async for seen in self._engine.follow(ref, {}):
            if not isinstance(seen, WorkflowSeen):
                continue
            now = time.time()
            self.seen.append((now, now - float(seen.object["status"]["message"])))
            if new:
                new = False
                self._missing -= 1
                if not self._missing:
                    self.all.set()


async def _main(url: str, count: int) -> list[tuple[float, float]]:
    engine = ArgoEngine(ApiServer(Configuration(host=url)), namespaces=[NAMESPACE])
    await engine.start()
    followers = Followers(engine, count)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(followers.follow(number)) for number in range(count)]
    await followers.all.wait()
    followers.seen.clear()
    async with full_collections.seldom():  # as `translator serve` does
        print("listening on all", file=sys.stderr, flush=True)
        await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await engine.close()
    return followers.seen


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(asyncio.run(_main(sys.argv[1], int(sys.argv[2])))))
