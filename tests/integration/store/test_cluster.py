"""The whole service on a Redis Cluster of three nodes."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.integration.service.rounds import cloud_task, eventually
from tests.integration.store.servers import Servers, free_ports
from translator.agent_server.protocol import BATCH_PATH
from translator.agent_server.stand_in import StandIn
from translator.engine.local.engine import LocalEngine
from translator.errors import TemporaryError
from translator.service.factory import running
from translator.service.http import serving
from translator.settings import Settings
from translator.settings.redis import Redis
from translator.store.connect import connect
from translator.store.durability import examine
from translator.store.store import Store


@pytest.fixture
async def nodes(tmp_path):
    *ports, bus_a, bus_b, bus_c = free_ports(6)
    buses = dict(zip(ports, (bus_a, bus_b, bus_c), strict=True))
    with Servers(tmp_path) as servers:
        for port in ports:
            options = ("--cluster-enabled", "yes", "--cluster-port", str(buses[port]), "--appendonly", "yes")
            servers.start(port, *options)
        for number, port in enumerate(ports):
            await servers.until(lambda answer: answer, port, "PING")
            first, last = number * 16384 // 3, (number + 1) * 16384 // 3 - 1
            await servers.ask(port, "CLUSTER", "ADDSLOTSRANGE", first, last)
            await servers.ask(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port in ports[1:]:
            await servers.ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", port, buses[port])
        for port in ports:
            await servers.until(
                lambda info: (info["cluster_state"], info["cluster_known_nodes"]) == ("ok", "3"),
                port, "CLUSTER INFO",
            )  # fmt: skip
        yield ports


async def test_two_replicas_share_tasks_on_a_cluster(nodes, tmp_path):
    addr = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in nodes)
    async with StandIn() as stand_in, aiohttp.ClientSession() as http, asyncio.timeout(30):
        settings = Settings(
            server_address=stand_in.url, redis=Redis(addr=addr), shards=12, lease_seconds=2, sweep_seconds=60
        )

        def engine(name):
            return LocalEngine(root=tmp_path / name, bubblewrap=False, grace=0.2)

        async with (
            running(settings.model_copy(update={"replica_name": "a"}), engine=engine("a")) as a,
            running(settings.model_copy(update={"replica_name": "b"}), engine=engine("b")) as b,
            serving(a.app, "127.0.0.1", 0) as url,
        ):

            async def shared():
                return len(a.service.store.held()) == len(b.service.store.held()) == 6

            await eventually(shared)
            tasks = [cloud_task(f"t{number}", f"echo {number}") for number in range(12)]
            async with http.post(url + BATCH_PATH, json=tasks) as answer:
                assert {each["outcome"] for each in await answer.json()} == {"accepted"}
            for number in range(12):
                assert (await stand_in.final(f"t{number}"))["phase"] == "Succeeded"
            async with http.get(url + "/api/v1/tasks?limit=5") as answer:
                assert len((await answer.json())["tasks"]) == 5
            async with http.get(url + "/api/v1/tasks/t3/events") as answer:
                assert (await answer.json())["end"]
        assert stand_in.ledger.violations == []


async def test_every_primary_is_examined_and_waiting_is_true(nodes):
    redis = connect(f"redis+cluster://127.0.0.1:{nodes[0]}")
    found = await examine(redis)
    assert {each.about for each in found} == {f"Redis 127.0.0.1:{port}" for port in nodes}
    store = Store(redis, shards=12, keep_s=60, wait_replicas=1)
    from tests.integration.store.samples import new_task

    with pytest.raises(TemporaryError, match="0 of 1 Redis replicas hold it"):
        await store.accept([new_task(f"t{number}") for number in range(12)], 1)
    await redis.aclose()
