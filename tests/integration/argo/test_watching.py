from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, lost, says, sends, status
from translator.engine.argo.answers import Call
from translator.engine.argo.client import IN_FLIGHT, ApiServer
from translator.engine.argo.objects import workflow_path
from translator.engine.argo.watching import Blind, Change, Left, Listing, Pace, Scope, Seen, watch_for_ever

SCOPE = Scope("pods", "/api/v1/namespaces/default/pods", "default", "codo.dev/task-id")


def pod(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "default"}, **more}


def told(change: Change) -> str:
    match change:
        case Seen():
            return f"+{change.object['metadata']['name']}"
        case Left():
            return f"-{change.object['metadata']['name']}"
        case Listing():
            return "["
        case Blind():
            return "?"
        case _:
            return "]"


class Watch:
    def __init__(self, changes: AsyncIterator[Change]) -> None:
        self._changes = changes

    async def take(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            return [told(await anext(self._changes)) for _ in range(count)]


@asynccontextmanager
async def watching(api: ApiServer, pace: Pace) -> AsyncIterator[Watch]:
    async with aclosing(watch_for_ever(api, SCOPE, pace)) as changes:
        yield Watch(changes)


async def test_a_list_does_not_wait_for_other_requests(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    await fake.put("pods", pod("a"))
    call = Call("get", "workflows", "default", "w")
    fake.faults["GET", "workflows"].extend([sends(then="hang")] * IN_FLIGHT)
    asked = [asyncio.create_task(api.get(call, workflow_path("default", "w"))) for _ in range(IN_FLIGHT + 1)]
    async with watching(api, pace) as watch:
        assert await watch.take(3) == ["[", "+a", "]"]
    assert not any(one.done() for one in asked)
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_a_list_comes_in_pages(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    fake.page = 2
    for name in "abcde":
        await fake.put("pods", pod(name))
    async with watching(api, pace) as watch:
        assert await watch.take(7) == ["[", "+a", "+b", "+c", "+d", "+e", "]"]
        await fake.put("pods", pod("f"))
        await fake.remove("pods", "a")
        assert await watch.take(2) == ["+f", "-a"]
    lists = [query for verb, _, query in fake.requests if "watch" not in query]
    assert [query.get("continue") for query in lists] == [None, "2", "4"]
    assert all(query["limit"] == "500" and query["labelSelector"] == "codo.dev/task-id" for query in lists)


async def test_an_ended_watch_goes_on_where_it_was_without_a_new_list(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    async with watching(api, pace) as watch:
        assert await watch.take(2) == ["[", "]"]
        taking = asyncio.create_task(watch.take(1))
        await fake.watched("pods")
        await fake.put("pods", pod("a"))
        assert await taking == ["+a"]
        await fake.cut("pods")
        taking = asyncio.create_task(watch.take(1))
        await fake.watched("pods", 2)
        await fake.put("pods", pod("b"))
        assert await taking == ["+b"]
    assert len([1 for _, _, query in fake.requests if "watch" not in query]) == 1
    watches = [query for _, _, query in fake.requests if "watch" in query]
    assert [query["resourceVersion"] for query in watches] == ["100", "101"]
    assert watches[0]["timeoutSeconds"] == "600"
    assert watches[0]["allowWatchBookmarks"] == "true"


async def test_a_bookmark_moves_the_place_only(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    mark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "900"}}}
    async with watching(api, pace) as watch:
        assert await watch.take(2) == ["[", "]"]
        taking = asyncio.create_task(watch.take(1))
        await fake.watched("pods")
        fake.version = 900
        await fake.tell("pods", mark)
        await fake.cut("pods")
        await fake.watched("pods", 2)
        await fake.put("pods", pod("a"))
        assert await taking == ["+a"]
    assert [query["resourceVersion"] for _, _, query in fake.requests if "watch" in query][-1] == "900"


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}',
        '{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is away"}}',
        '{"type":"MODIFIED","object":{"metadata":',
        "<html>502 Bad Gateway</html>",
        '{"type":"MODIFIED","object":{"kind":"Pod"}}',
    ],
    ids=["expired", "error", "half a line", "a proxy's page", "no version"],
)
async def test_what_cannot_be_trusted_leads_to_a_new_list(
    fake: FakeApi, api: ApiServer, pace: Pace, line: str
) -> None:
    await fake.put("pods", pod("a"))
    async with watching(api, pace) as watch:
        assert await watch.take(3) == ["[", "+a", "]"]
        taking = asyncio.create_task(watch.take(3))
        await fake.watched("pods")
        await fake.remove("pods", "a", silently=True)
        await fake.put("pods", pod("b"), silently=True)
        await fake.tell("pods", line)
        assert await taking == ["[", "+b", "]"]


async def test_410_to_the_watch_itself_leads_to_a_new_list(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    fake.faults["WATCH", "pods"].append(says(410, status(410, "too old resource version", "Expired")))
    async with watching(api, pace) as watch:
        assert await watch.take(4) == ["[", "]", "[", "]"]


async def test_a_list_that_grows_too_old_begins_again(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    fake.page = 1
    await fake.put("pods", pod("a"))
    await fake.put("pods", pod("b"))

    async def fine(request: web.Request) -> Any:
        return None

    fake.faults["GET", "pods"].extend([fine, says(410, status(410, "continue too old", "Expired"))])
    async with watching(api, pace) as watch:
        assert await watch.take(6) == ["[", "+a", "[", "+a", "+b", "]"]


async def test_429_waits_as_long_as_the_server_asks(
    fake: FakeApi, api: ApiServer, pace: Pace, slept: list[float]
) -> None:
    fake.faults["GET", "pods"].append(says(429, status(429, "slow down"), **{"Retry-After": "7"}))
    async with watching(api, pace) as watch:
        assert await watch.take(3) == ["[", "[", "]"]
    assert slept[0] == 7


async def test_failures_are_waited_for_longer_and_longer(
    fake: FakeApi, api: ApiServer, pace: Pace, slept: list[float]
) -> None:
    fake.faults["GET", "pods"].extend(
        [says(500, "boom"), lost, lost, says(503, status(503, "away")), says(403, status(403, "not yours"))]
    )
    async with watching(api, pace) as watch:
        assert await watch.take(7) == ["[", "[", "[", "?", "[", "[", "]"]
    assert slept[:4] == [0.5, 1, 2, 4]


async def test_a_broken_stream_goes_on_where_it_was(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    a = {"type": "ADDED", "object": pod("a") | {"metadata": {"name": "a", "resourceVersion": "150"}}}
    half = json.dumps(a).encode() + b'\n{"type":"ADDED","obj'
    fake.faults["WATCH", "pods"].append(sends(half, then="break"))
    async with watching(api, pace) as watch:
        assert await watch.take(3) == ["[", "]", "+a"]
        taking = asyncio.create_task(watch.take(1))
        await fake.watched("pods")
        fake.version = 150
        await fake.put("pods", pod("b"))
        assert await taking == ["+b"]
    assert len([1 for _, _, query in fake.requests if "watch" not in query]) == 1


async def test_a_silent_connection_counts_as_dead(fake: FakeApi, api: ApiServer, slept: list[float]) -> None:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pace = Pace(silence=0.05, sleep=sleep, uniform=lambda low, high: high)
    fake.faults["WATCH", "pods"].append(sends(then="hang"))
    async with watching(api, pace) as watch:
        assert await watch.take(2) == ["[", "]"]
        taking = asyncio.create_task(watch.take(1))
        await fake.watched("pods")
        await fake.put("pods", pod("a"))
        assert await taking == ["+a"]


async def test_a_watch_that_is_silent_again_and_again_is_never_listed_anew(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    """As at a server that sends no bookmarks, where nothing happens."""
    async with watching(api, replace(pace, silence=0.02)) as watch:
        assert await watch.take(2) == ["[", "]"]
        taking = asyncio.create_task(watch.take(1))
        await fake.watched("pods", 9)
        await fake.put("pods", pod("a"))
        assert await taking == ["+a"]
    assert len([1 for _, _, query in fake.requests if "watch" not in query]) == 1


async def test_watches_that_get_no_answer_are_told_before_the_next_list_fails(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    async def no_answer(request: web.Request) -> Any:
        await asyncio.Event().wait()

    fake.faults["WATCH", "pods"].extend([no_answer] * 3)
    async with watching(api, replace(pace, answer=0.05)) as watch:
        assert await watch.take(5) == ["[", "]", "?", "[", "]"]


async def test_watches_that_always_fail_lead_to_a_new_list(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    # aiohttp itself tries a GET once more on a connection that it had used before
    fake.faults["WATCH", "pods"].extend([lost] * 12)
    async with watching(api, pace) as watch:
        assert await watch.take(4) == ["[", "]", "[", "]"]
