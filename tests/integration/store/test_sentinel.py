"""A failover by real Sentinels, in the middle of it all."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.store.samples import new_task, taken
from tests.integration.store.servers import Servers, free_ports
from translator.errors import TemporaryError
from translator.store.connect import connect
from translator.store.durability import examine
from translator.store.leases import Leases
from translator.store.store import Store
from translator.store.tenure import LostShardError, Tenure

SENTINEL = """
sentinel monitor mymaster 127.0.0.1 {master} 2
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 2000
"""


@pytest.fixture
async def servers(tmp_path):
    ports = free_ports(5)
    master, replica, *sentinels = ports
    with Servers(tmp_path) as started:
        started.ports = ports
        started.start(master, "--appendonly", "yes", "--repl-diskless-sync-delay", "0")
        started.start(replica, "--appendonly", "yes", "--replicaof", "127.0.0.1", str(master))
        await started.until(lambda info: info["slave0"]["state"] == "online", master, "INFO", "replication")
        for port in sentinels:
            started.start(port, sentinel=SENTINEL.format(master=master))
        for port in sentinels:
            await started.until(
                lambda info: (info["master0"]["slaves"], info["master0"]["sentinels"]) == (1, 3),
                port,
                "INFO",
                "sentinel",
            )
        yield started


async def test_a_failover_loses_nothing_that_was_answered(servers):
    master, replica, *sentinels = servers.ports
    hosts = ",".join(f"127.0.0.1:{port}" for port in sentinels)
    redis = connect(f"redis+sentinel://{hosts}/mymaster/0")
    tenure = Tenure()
    store = Store(redis, shards=4, keep_s=60, tenure=tenure, wait_replicas=1)
    await store.open()
    leases = Leases(redis, shards=4, name="a", life="1", lease_s=60)
    for shard, epoch in (await taken(leases, range(4), again=True)).items():
        tenure.hold(shard, epoch, float("inf"))
    found = await examine(redis, wait_replicas=1)
    assert [str(f.verdict) for f in found if f.message.startswith("replicas: ")] == ["fine"]

    answered = []
    for number in range(50):
        assert await store.accept([new_task(f"t{number}")], number) == [("accepted", "Pending")]
        assert await store.begin(f"t{number}")
        answered.append(f"t{number}")
    servers.kill(master)
    with pytest.raises(TemporaryError):
        await store.accept([new_task("late")], 50)

    # it is refused until there is a replica again, since nothing else would outlive the next failover
    await servers.until(lambda info: info["role"] == "master", replica, "INFO", "replication")
    lonely = Store(redis, shards=4, keep_s=60, tenure=tenure)

    async def accepted():
        while True:
            try:
                return await lonely.accept([new_task("late")], 50)
            except TemporaryError:
                await asyncio.sleep(0.05)

    async with asyncio.timeout(10):
        assert await accepted() == [("accepted", "Pending")]
    for task_id in answered:
        assert await store.load(task_id) is not None
    assert await lonely.begin("late"), "the lease has come along"
    with pytest.raises(TemporaryError, match="0 of 1 Redis replicas hold it"):
        await store.begin("t1")
    # what one server alone holds is not told either: after the next failover it would be told otherwise
    with pytest.raises(TemporaryError, match="0 of 1 Redis replicas hold it"):
        await store.outbox("t1", 10)
    assert len(await lonely.outbox("t1", 10)) == 1

    other = Leases(redis, shards=4, name="b", life="2", lease_s=60)
    await leases.let_go(tenure.epochs())
    assert len(await taken(other, range(4))) == 4
    with pytest.raises(LostShardError):
        await lonely.begin("late")
    await redis.aclose()
