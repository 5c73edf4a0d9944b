"""With several replicas, each watches the Workflows of its own shards."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.argo.fake_api import FakeApi
from tests.integration.argo.test_engine import (
    Follow,
    engine,  # noqa: F401 - a fixture
    workflow,
)
from translator.engine.argo.engine import ArgoEngine, selector
from translator.observe.observation import WorkflowSeen


@pytest.mark.parametrize(
    ("shards", "of", "expected"),
    [
        (range(64), 64, "codo.dev/task-id"),
        ([3, 1], 64, "codo.dev/shard in (1,3)"),
        ([], 64, "codo.dev/shard in (none)"),
        (range(600), 4096, "codo.dev/task-id"),
    ],
)
def test_the_selector_names_the_shards_that_are_held(shards, of, expected) -> None:
    assert selector(list(shards), of) == expected


def lists(fake: FakeApi) -> list[str]:
    return [
        query["labelSelector"]
        for verb, path, query in fake.requests
        if verb == "GET" and path.endswith("/workflows") and "limit" in query and "labelSelector" in query
        if not query.get("watch")
    ]


async def test_a_changed_set_is_listed_and_watched_and_an_equal_one_is_not(
    fake: FakeApi,
    engine: ArgoEngine,  # noqa: F811 - the fixture
) -> None:
    await fake.put("workflows", workflow("Running"))
    await engine.start()
    await engine.hold(range(64))
    await fake.watched("workflows")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    everything = 2  # the watch's, and that of the sweep for what is nobody's
    async with asyncio.timeout(5):
        await fake.until(lambda: lists(fake).count("codo.dev/task-id") == everything)
    await engine.hold([5, 7])
    async with asyncio.timeout(5):
        await fake.watched("workflows", 2)
        await fake.watched("pods", 2)
    assert lists(fake)[-1] == "codo.dev/shard in (5,7)"
    await engine.hold([7, 5])
    await fake.put("workflows", workflow("Failed"))
    await follow.until(
        lambda one: isinstance(one, WorkflowSeen) and one.object["status"]["phase"] == "Failed"
    )
    assert lists(fake).count("codo.dev/shard in (5,7)") == 1
    assert lists(fake).count("codo.dev/task-id") == everything
    await follow.close()
