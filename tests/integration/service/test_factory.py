from __future__ import annotations

import asyncio
import socket

import pytest

from tests.integration.service.rounds import cloud_task
from translator.agent_server.protocol import BATCH_PATH
from translator.errors import PermanentError
from translator.service.factory import running
from translator.service.http import serving
from translator.service.options import options
from translator.settings import Settings
from translator.settings.redis import Redis
from translator.settings.workflow import Workflows


@pytest.fixture
def settings(tmp_path, stand_in):
    return Settings(server_address=stand_in.url, data_dir=tmp_path / "data", api_token="s3cret", biz_id="504")


async def test_the_settings_reach_what_they_are_about(settings, http, stand_in):
    bearer = {"Authorization": "Bearer s3cret"}
    async with running(settings) as run, serving(run.app, "127.0.0.1", 0) as url:
        async with http.get(url + "/api/v1/agent/info", headers=bearer) as answer:
            assert (await answer.json())["bizId"] == "504"
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "true")]) as answer:
            assert answer.status == 401
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "true")], headers=bearer) as answer:
            assert [a["outcome"] for a in await answer.json()] == ["accepted"]
        async with asyncio.timeout(20):
            assert (await stand_in.final("t1"))["phase"] == "Succeeded"


async def test_a_redis_of_ones_own_is_used(settings, valkey, redis, tmp_path):
    await redis.config_set("port", _free_port())
    port = (await redis.config_get("port"))["port"]
    own = settings.model_copy(update={"redis": Redis(addr=f"127.0.0.1:{port}", db=3)})
    try:
        async with running(own):
            pass
    finally:
        await redis.config_set("port", 0)
    assert not (tmp_path / "data").exists()
    assert "db3" in await redis.info("keyspace")


async def test_a_taken_address_is_said(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with running(settings) as run:
            with pytest.raises(PermanentError, match=f"cannot listen on 127.0.0.1:{port}"):
                async with serving(run.app, "127.0.0.1", port):
                    pass


async def test_nothing_is_left_when_the_engine_cannot_start(settings, tmp_path):
    class Broken:
        async def start(self):
            raise PermanentError("no cluster", reason="x", remedy="y")

        async def close(self):
            pass

    with pytest.raises(PermanentError, match="no cluster"):
        async with running(settings, engine=Broken()):
            pass
    async with running(settings):  # the data folder is free again
        pass


def test_every_option_of_a_translation_comes_from_a_setting():
    chosen = Workflows(
        layout="pod", codo="never", start_grace_seconds=7, storage_class="nfs", shared_volume_size="2Gi",
        executor_service_account="e", service_account="s",
    )  # fmt: skip
    made = options(Settings(workflow=chosen, shards=8))
    assert (made.layout, made.codo, made.start_grace_s, made.shards) == ("pod", "never", 7, 8)
    assert (made.storage_class, made.shared_volume_size) == ("nfs", "2Gi")
    assert (made.executor_service_account, made.service_account) == ("e", "s")


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
