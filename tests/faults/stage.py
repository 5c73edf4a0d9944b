"""agent-server, Valkey, a cluster and the services: everything that one test kills, and what it must tell."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.account import Account, audit
from tests.faults.cluster import NAMESPACE, FakeCluster
from tests.faults.processes import Forks, Serve, Valkey, valkey, watching
from tests.faults.tasks import Task, revocation
from translator.agent_server.api_mirror import NATIVE_PATH
from translator.agent_server.api_tasks import LETTERS_PATH
from translator.agent_server.ledger import is_final
from translator.agent_server.protocol import BATCH_PATH
from translator.agent_server.stand_in import StandIn
from translator.errors import TemporaryError
from translator.store.store import Store

SHARDS = 8
CLIENT = "agent1"
ORPHANS_S = 5
"""Until what is left over counts as that: no request of a replica that was paused comes any more."""

PATIENCE = aiohttp.ClientTimeout(total=15)


class Stage:
    """One test's world.

    Args:
        seed: decides everything that is up to chance.
        stand_in: agent-server.
        redis: the services' Redis.
        cluster: None with the local engine.
        serves: the services; one is as good as another.
    """

    def __init__(
        self, seed: str, stand_in: StandIn, redis: Valkey, cluster: FakeCluster | None, serves: list[Serve]
    ) -> None:
        self.chance = random.Random(seed)
        self.stand_in = stand_in
        self.redis = redis
        self.cluster = cluster
        self.serves = serves
        self.replica: Valkey | None = None
        self.store = Store(redis.client, shards=SHARDS, keep_s=60)
        self.tasks: dict[str, Task] = {}
        self.faults = 0
        self.http = aiohttp.ClientSession(timeout=PATIENCE)

    @property
    def serve(self) -> Serve:
        return self.serves[0]

    async def close(self) -> None:
        await self.http.close()
        await self.stand_in.close()

    async def redis_fails_over(self) -> None:
        """Kill the master, and wait until its replica is one."""
        assert self.replica is not None
        self.redis.kill()
        self.count()
        await self.replica.until(lambda of: of["role"] == "master")
        self.store = Store(self.replica.client, shards=SHARDS, keep_s=60)

    @contextlib.asynccontextmanager
    async def agent_server_away(self) -> AsyncIterator[None]:
        """Within the context there is no agent-server; what it holds it still has afterwards."""
        port = int(self.stand_in.url.rpartition(":")[2])
        ledger = self.stand_in.ledger
        await self.stand_in.close()
        yield
        self.stand_in = StandIn(port=port, heartbeat=1.0)
        self.stand_in.ledger = ledger
        await self.stand_in.start()

    def count(self, faults: int = 1) -> None:
        """Note that a fault was made."""
        self.faults += faults

    async def kill(self, serve: Serve | None = None) -> None:
        """SIGKILL for a service."""
        self.count()
        await (serve or self.serve).kill()

    async def submit(self, *tasks: Task) -> None:
        """Submit as agent-server does: again and again, to any service, until there is an answer."""
        for task in tasks:
            self.tasks[task.task_id] = task
        for answer in await self._insist(BATCH_PATH, [task.item() for task in tasks]):
            task = self.tasks[answer["taskId"]]
            task.acknowledged = answer["outcome"] in ("accepted", "duplicate")
            task.rejected = answer["outcome"] == "rejected"
            assert task.acknowledged or not task.steps, answer

    async def cancel(self, task: Task) -> None:
        """Cancel a task, once it has written something."""
        told = await self.event(
            lambda event: event["taskId"] == task.task_id and (event["kind"] == "log" or is_final(event))
        )
        if not is_final(told):
            await self._insist(BATCH_PATH, [revocation(task.task_id)])

    async def retry(self, task: Task) -> None:
        """Ask for another attempt of a task, once it has ended."""
        attempt = task.attempts
        await self.event(
            lambda event: (event["taskId"], event["attempt"]) == (task.task_id, attempt) and is_final(event)
        )
        task.attempts += 1
        order = {"action": "retry", "taskId": task.task_id}
        while True:
            # the answer may have been lost: a second order would be a second attempt
            with contextlib.suppress(TemporaryError):
                record = await self.store.load(task.task_id)
                if record is not None and record.state.attempt >= task.attempts:
                    return
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    serve = self.chance.choice(self.serves)
                    async with self.http.post(serve.url + NATIVE_PATH, json=order) as answer:
                        await answer.read()
            await asyncio.sleep(0.1)

    async def replay(self) -> None:
        """Have sent again what agent-server refused."""
        for serve in self.serves:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self.http.get(serve.url + LETTERS_PATH) as answer:
                    letters = (await answer.json())["deadLetters"] if answer.status == 200 else []
                for letter in letters:
                    url = f"{serve.url}{LETTERS_PATH}/{letter['taskId']}/replay"
                    async with self.http.post(url) as answer:
                        await answer.read()

    async def event(self, wanted: Callable[[Any], bool]) -> Any:
        """Wait until agent-server was told such an event."""
        while True:
            stand_in = self.stand_in
            async for event in stand_in.events():
                if wanted(event):
                    return event
            while self.stand_in is stand_in:  # noqa: ASYNC110 - it is away
                await asyncio.sleep(0.05)

    async def _insist(self, path: str, body: Any) -> Any:
        wait = 0.05
        while True:
            serve = self.chance.choice(self.serves)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self.http.post(serve.url + path, json=body) as answer:
                    if answer.status == 200:
                        return await answer.json()
                    assert answer.status in (503, 429, 500), (answer.status, await answer.text())
            await asyncio.sleep(wait)
            wait = min(1.0, wait * 1.5)

    async def finish(self, seconds: float = 60, *, retold: bool = False) -> Account:
        """Wait until all is told and nothing is left to do; then say what was wrong.

        Args:
            seconds: how long everything may take from now on.
            retold: Redis has lost its data (see `audit`).
        """
        since = None
        try:
            async with asyncio.timeout(seconds):
                while (untold := self._untold()) or (left := await self._left()):
                    await asyncio.sleep(0.1)
                    if untold or self.cluster is None or set(left) - set(self.cluster.orphans):
                        since = None
                    elif since is None:
                        since = time.monotonic()
                    elif time.monotonic() > since + ORPHANS_S:
                        await self._sweep()
                        since = None
        except TimeoutError:
            left = await self._left()
        account = audit(
            self.tasks.values(), self.stand_in.ledger, self.faults, mortal=self.cluster is None, retold=retold
        )
        if left:
            account.wrong.append(f"left over: {left[:5]}")
        return account

    async def _sweep(self) -> None:
        """An hour later: what a replica left that was killed or paused while it submitted must go now."""
        assert self.cluster is not None
        self.cluster.age(hours=1.1)
        await self.kill()
        await self.serve.start()

    def _untold(self) -> bool:
        """Whether a final status is missing."""
        return any(
            self.stand_in.ledger.final(task.task_id, attempt) is None
            for task in self.tasks.values()
            for attempt in range(1, task.attempts + 1)
            if task.acknowledged
        )

    async def _left(self) -> list[str]:
        """What is still to be done, and what lies in the cluster."""
        try:
            open_ = [str(task) for task in await self.store.open_tasks()]
            open_ += await self._keys_of_nobody()
        except Exception as error:  # noqa: BLE001 - it is told
            open_ = [str(error)]
        return open_ + (self.cluster.left if self.cluster else [])

    async def _keys_of_nobody(self) -> list[str]:
        """What Redis holds beside the tasks: of none that was accepted, or in no record."""
        redis, wrong = self.redis.client, []
        tasks = {task.task_id.encode() for task in self.tasks.values() if task.acknowledged}
        keys = [key async for key in redis.scan_iter(match="translator:{*", count=1000)]
        records = {key.split(b":", 3)[3] for key in keys if key.split(b":")[2] == b"task"}
        for key in keys:
            kind, *of = key.split(b":", 3)[2:]
            if kind in (b"task", b"events") and (of[0] not in tasks or of[0] not in records):
                wrong.append(f"a key of no task: {key.decode()}")
            elif kind in (b"inbox", b"known", b"expiring", b"sizes"):
                members = set(await redis.zrange(key, 0, -1))
                wrong += [f"{each.decode()} is in {key.decode()}" for each in members - records]
        return wrong


@contextlib.asynccontextmanager
async def staged(
    forks: Forks,
    folder: Path,
    seed: str,
    *,
    engine: str = "argo",
    link: bool = False,
    count: int = 1,
    replicated: bool = False,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """A stage whose services are not started yet.

    Args:
        forks: where processes come from.
        folder: for data and logs.
        seed: decides everything that is up to chance.
        engine: argo or local.
        link: whether agent-server is reached over the link, not by POST.
        count: of services.
        replicated: whether Redis has a replica, and a Sentinel by which it is found.
        settings: of the services, as variables, without the prefix.
    """
    async with contextlib.AsyncExitStack() as stack:
        stand_in = StandIn(heartbeat=1.0)
        await stand_in.start()
        redis = await stack.enter_async_context(valkey(folder / "valkey"))
        address = redis.address
        replica = None
        if replicated:
            replica = await stack.enter_async_context(
                valkey(folder / "replica", f"replicaof 127.0.0.1 {redis.port}")
            )
            await replica.until(lambda of: of.get("master_link_status") == "up")
            sentinel = await stack.enter_async_context(watching(folder / "sentinel", redis))
            address = f"redis+sentinel://{sentinel.address}/main"
        cluster = None
        env = {
            "TRANSLATOR_SERVER_ADDRESS": f"{stand_in.link}?clientId={CLIENT}" if link else stand_in.url,
            "TRANSLATOR_REDIS__ADDR": address,
            "TRANSLATOR_ENGINE": engine,
            "TRANSLATOR_SHARDS": str(SHARDS),
            "TRANSLATOR_SWEEP_SECONDS": "0.5",
            "TRANSLATOR_FLUSH_SECONDS": "2",
            "TRANSLATOR_LEASE_SECONDS": "2",
            "TRANSLATOR_LOG_LEVEL": "info",
        }
        if engine == "argo":
            cluster = FakeCluster(random.Random(seed).randrange(2**32))
            await cluster.start()
            stack.push_async_callback(cluster.stop)
            file = cluster.kubeconfig(folder / "kubeconfig")
            env |= {
                "TRANSLATOR_ARGO__KUBECONFIG": str(file),
                "TRANSLATOR_ARGO__NAMESPACES": NAMESPACE,
                "TRANSLATOR_ARGO__KILL_GRACE_SECONDS": "0.5",
            }
        else:
            env["TMPDIR"] = str(folder)
        env |= {f"TRANSLATOR_{name}": str(value) for name, value in settings.items()}
        serves = [Serve(forks, folder / f"serve-{n}.log", env) for n in range(count)]
        made = Stage(seed, stand_in, redis, cluster, serves)
        made.replica = replica
        stack.push_async_callback(made.close)
        try:
            yield made
        finally:
            for serve in serves:
                if serve.alive:
                    await serve.kill()
