from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from redis import exceptions

from tests.integration.store.samples import accepted, event, new_task, running, state
from translator.errors import PermanentError, TemporaryError
from translator.store.connect import connect
from translator.store.store import Store
from translator.store.wrapped import may_pass


async def test_a_full_redis_refuses_as_a_whole_and_lets_go_of_what_is_acknowledged(store, redis):
    record = await running(store)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(TemporaryError, match="maxmemory"):
            await store.accept([new_task("t2")], 1)
        with pytest.raises(TemporaryError, match="maxmemory"):
            await store.append(record, state("t1", 3), [event("t1", 3)])
        await store.acknowledge("t1", 1, 2)
    finally:
        await redis.config_set("maxmemory", 0)
    assert await store.load("t1") == replace(record, acked=(1, 2))
    assert await store.load("t2") is None
    assert await store.outbox("t1", 5) == []


async def test_a_replica_is_no_place_to_write(store, redis):
    await accepted(store)
    await redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(TemporaryError, match="read only"):
            await store.accept([new_task("t2")], 1)
    finally:
        await redis.execute_command("REPLICAOF", "NO", "ONE")


async def test_a_wrong_password_is_permanent(redis, valkey):
    await redis.config_set("requirepass", "secret")
    other = connect(valkey.socket, password="guess")
    try:
        with pytest.raises(PermanentError, match="invalid username-password pair") as caught:
            await Store(other, shards=4, keep_s=1).open()
        assert "redisConfig" in caught.value.remedy
    finally:
        await redis.config_set("requirepass", "")
        await other.aclose()


async def test_no_server_is_temporary(tmp_path):
    redis = connect(tmp_path / "nowhere.sock")
    with pytest.raises(TemporaryError, match="open the store: Redis"):
        await Store(redis, shards=4, keep_s=1).open()
    await redis.aclose()


async def test_a_server_that_hangs_is_temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("translator.store.wrapped.ANSWER_S", 0.1)

    async def swallow(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(swallow, tmp_path / "mute.sock")
    redis = connect(tmp_path / "mute.sock")
    with pytest.raises(TemporaryError):
        await Store(redis, shards=4, keep_s=1).probe()
    await redis.aclose()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (exceptions.BusyLoadingError("LOADING Redis is loading the dataset in memory"), True),
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file"), True),
        (exceptions.ClusterDownError("CLUSTERDOWN The cluster is down"), True),
        (exceptions.TimeoutError("Timeout reading from socket"), True),
        (ConnectionResetError(104, "Connection reset by peer"), True),
        (exceptions.AuthenticationError("WRONGPASS invalid username-password pair"), False),
        (exceptions.NoPermissionError("NOPERM User u has no permissions to run the 'eval' command"), False),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), False),
    ],
)
def test_which_errors_may_pass(error, passes):
    assert may_pass(error) is passes
