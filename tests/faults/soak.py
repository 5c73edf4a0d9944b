"""Minutes of mixed load, after which everything that a service holds must be what it was: ``./just soak``.

The first part of the time warms the service up; then, with nothing left to do, what it holds is measured. The
load goes on for the rest of the time, and with nothing left to do it is measured again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.account import Account
from tests.faults.processes import Forks
from tests.faults.stage import Stage, staged
from tests.faults.tasks import Task, endless, failing, filed, invalid, plain
from translator.agent_server.faults import Fault

KEPT_S = 5
"""Seconds that finished tasks are remembered, so that they are forgotten before it is measured."""

RATE = 4.0
"""Tasks a second."""

WARM = 0.25
"""Of the time."""

CREST = 150
"""Tasks at once when the load begins: pools keep as many connections as were ever needed together."""


@dataclass(frozen=True)
class Held:
    """What the service holds.

    Attributes:
        memory: resident, in MiB.
        descriptors: open files, pipes and sockets.
        connections: sockets among them.
        tasks: of asyncio.
        followed: Workflows, by its own metric.
        keys: in Redis.
        clients: connections that Redis has.
    """

    memory: float
    descriptors: int
    connections: int
    tasks: int
    followed: float
    keys: int
    clients: int


MORE: dict[str, Callable[[float], float]] = {
    # the allocator keeps pages that are free inside; a leak of 1 KiB a task would show as some MiB
    "memory": lambda before: before + max(12, before * 0.12),
    # idle connections are kept for a while by the pools of either side
    "descriptors": lambda before: before + 4,
    "connections": lambda before: before + 4,
    "tasks": lambda before: before + 4,
    "followed": lambda before: before,
    "keys": lambda before: before,
    "clients": lambda before: before + 4,
}
"""Up to what each may be afterwards, by what it was before."""


async def measure(stage: Stage) -> Held:
    pid = stage.serve.pid
    targets = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            targets.append(str(link.readlink()))
    counted = Path(f"{stage.serve.log}.tasks")
    counted.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    async with asyncio.timeout(10):
        while not counted.exists():  # noqa: ASYNC110 - a file gives no sign
            await asyncio.sleep(0.05)
    status = Path(f"/proc/{pid}/status").read_text()
    rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    async with stage.http.get(f"{stage.serve.url}/metrics") as answer:
        figures = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[0] != "#")
    return Held(
        memory=round(rss / 1024, 1),
        descriptors=len(targets),
        connections=sum(target.startswith("socket:") for target in targets),
        tasks=int(counted.read_text()),
        followed=float(figures["translator_follow_workers"]),
        keys=await stage.redis.client.dbsize(),
        clients=(await stage.redis.client.info("clients"))["connected_clients"],
    )


def any_task(stage: Stage, name: str) -> Task:
    """A task of some kind, as often as it should come."""
    kind = stage.chance.random()
    if kind < 0.05:
        return endless(f"{name}-cancelled")
    if kind < 0.15:
        return failing(name)
    if kind < 0.30:
        return filed(name)
    if kind < 0.33:
        return invalid(name)
    return plain(name, *(stage.chance.randint(0, 60) for _ in range(stage.chance.randint(1, 3))))


async def load(stage: Stage, seconds: float) -> None:
    """Submissions, cancels, retries, failures, and an agent-server that is away or fails now and then."""
    until = time.monotonic() + seconds
    trouble = asyncio.create_task(troubling(stage))
    await stage.submit(*(plain(f"n{len(stage.tasks) + n}", 60) for n in range(CREST)))
    try:
        async with asyncio.TaskGroup() as doing:
            while time.monotonic() < until:
                batch = [
                    any_task(stage, f"n{len(stage.tasks) + n}") for n in range(stage.chance.randint(1, 8))
                ]
                await stage.submit(*batch)
                for task in batch:
                    if "cancelled" in task.task_id:
                        doing.create_task(stage.cancel(task))
                    elif task.steps and stage.chance.random() < 0.05:
                        doing.create_task(stage.retry(task))
                await asyncio.sleep(len(batch) / RATE)
    finally:
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)


async def troubling(stage: Stage) -> None:
    while True:
        await asyncio.sleep(stage.chance.uniform(5, 20))
        stage.count()
        if stage.chance.random() < 0.3:
            async with stage.agent_server_away():
                await asyncio.sleep(stage.chance.uniform(0.2, 3))
        else:
            kinds = [Fault(status=503), Fault(drop="after"), Fault(drop="before"), Fault(delay=0.5)]
            stage.stand_in.faults.add(stage.chance.choice(kinds))


async def settled(stage: Stage) -> None:
    """Wait until all is told and forgotten, and what is only kept for a while is gone."""
    account = await stage.finish(120)
    assert not account.wrong, account.wrong[:10]
    async with asyncio.timeout(60):
        while [key async for key in stage.redis.client.scan_iter("*:task:*")]:  # noqa: ASYNC110 - no sign of it
            await asyncio.sleep(0.5)
    # aiohttp looks every 15 s for connections that have been idle for 15 s, and closes them
    await asyncio.sleep(35)


def table(before: Held, after: Held) -> bool:
    """Print what was measured; returns whether all of it is well."""
    well = True
    print(f"{'':14}{'before':>10}{'after':>10}{'at most':>10}")
    for name, was in asdict(before).items():
        most, now = MORE[name](was), asdict(after)[name]
        verdict = "ok" if now <= most else "GROWN"
        well = well and now <= most
        print(f"{name:14}{was:>10}{now:>10}{most:>10.1f}  {verdict}")
    return well


async def soak(seconds: float, seed: str) -> bool:
    """Run it; returns whether all is well."""
    forks = Forks()
    await forks.start()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        async with staged(forks, Path(folder), seed, KEEP_FINISHED_SECONDS=KEPT_S) as stage:
            await stage.serve.start()
            await load(stage, seconds * WARM)
            await settled(stage)
            before = await measure(stage)
            await load(stage, seconds * (1 - WARM))
            await settled(stage)
            after = await measure(stage)
            account: Account = await stage.finish(5)
    await forks.stop()
    well = table(before, after)
    print(account)
    return well and not account.wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    given = parser.parse_args()
    print(f"seed: {given.seed}", file=sys.stderr)
    sys.exit(not asyncio.run(soak(given.minutes * 60, given.seed)))


if __name__ == "__main__":
    main()
