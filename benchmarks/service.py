"""Prints what the service takes in and brings out over HTTP, beside the floor in the same run.

Everything is real but the engine, which only remembers Workflows: the API on a socket, validation and
translation as a check, a Valkey that writes every transaction to disk (appendfsync always), and the stand-in.
No two submissions are alike, but in the second row, where one taskYaml comes with other parameters each time.
Exit code 1 where a target is missed: at least 500 tasks/s accepted in batches of 100; at least 50,000 log
lines/s delivered and acknowledged, over POST and over the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from translator.agent_server.api import create_app
from translator.agent_server.client import AgentServerClient
from translator.agent_server.link.client import LinkClient
from translator.agent_server.protocol import BATCH_PATH, Answer, TaskItem
from translator.agent_server.stand_in import StandIn
from translator.observe.observation import Holding, LogLines, Observation, WorkflowRef
from translator.service.assembly import assemble
from translator.service.deliver import Sender
from translator.service.http import serving
from translator.service.log import configure
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.store.connect import connect
from translator.store.embedded import Embedded
from translator.store.store import Store
from translator.workflow.options import Options
from translator.workflow.rendered import Rendered

SEED = Path(__file__).resolve().parent.parent / "tests" / "data" / "seed"
YAML = (SEED / "example.min.yaml").read_text()
SECONDS = 6.0
LINE = "2026-01-02T03:04:05.678Z INFO".ljust(107, "x")
LINES, TASKS = 500_000, 4


class Remembering:
    """An engine that runs nothing: it tells what it is given."""

    def __init__(self) -> None:
        self.told: Mapping[str, list[Observation]] = {}

    async def start(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def submit(self, rendered: Rendered) -> WorkflowRef:
        """Take it."""
        metadata = rendered.workflow["metadata"]
        return WorkflowRef(metadata["namespace"], metadata["name"], "uid")

    async def follow(
        self, ref: WorkflowRef, cursors: Mapping[str, Mapping[str, Any]]
    ) -> AsyncIterator[Observation]:
        """What is to be told of it, then nothing for ever."""
        del cursors
        for seen in self.told.get(ref.name, []):
            yield seen
        await asyncio.Event().wait()

    async def terminate(self, ref: WorkflowRef) -> None:
        """Nothing runs."""

    async def holdings(self) -> AsyncIterator[Holding]:
        """Nothing is there."""
        for none in ():
            yield none

    async def release(self, ref: WorkflowRef) -> None:
        """Nothing is held."""


def main() -> None:
    """Measure and print."""
    configure("error")
    sys.exit(asyncio.run(_main()))


async def _main() -> int:
    missed = False
    async with _valkey() as redis:
        bare_one, bare_many = await _xadd(redis, 1), await _xadd(redis, 100)
        await redis.flushall()
        one, many = await _submissions(redis, 1), await _submissions(redis, 100)
        await redis.flushall()
        same_one, same_many = await _submissions(redis, 1, "same"), await _submissions(redis, 100, "same")
        lines = {}
        for transport in ("POST", "link"):
            await redis.flushall()
            lines[transport] = await _lines(redis, transport)
    print(f"{'tasks/s, durable':<34}{'one by one':>12}{'by 100':>12}")
    print(f"{'accepted over HTTP':<34}{one:>12,.0f}{many:>12,.0f}{_said(many, 500)}")
    print(f"{'the same, one taskYaml':<34}{same_one:>12,.0f}{same_many:>12,.0f}")
    print(f"{'bare redis-py XADD':<34}{bare_one:>12,.0f}{bare_many:>12,.0f}")
    print(f"{'ratio':<34}{one / bare_one:>12.3f}{many / bare_many:>12.3f}")
    print()
    print("log lines/s, held by agent-server")
    for transport, rate in lines.items():
        print(f"{'over ' + transport:<34}{rate:>24,.0f}{_said(rate, 50_000)}")
    missed = many < 500 or min(lines.values()) < 50_000
    return int(missed)


def _said(figure: float, target: float) -> str:
    return f"   target {target:,}: {'kept' if figure >= target else 'MISSED'}"


@contextlib.asynccontextmanager
async def _valkey() -> AsyncIterator[Redis]:
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder) / "valkey")
        server.start()
        redis = connect(server.socket)
        try:
            yield redis
        finally:
            await redis.aclose()
            server.stop()


async def _xadd(redis: Redis, size: int) -> float:
    """Entries a second, as large as a submission, in pipelines of `size`."""
    text = json.dumps(_item("x"))
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 2:
        async with redis.pipeline(transaction=False) as pipe:
            for _ in range(size):
                pipe.xadd("bench", {"task": text})
            await pipe.execute()
        count += size
    return count / (time.perf_counter() - start)


def _item(task_id: str, kind: str = "") -> dict[str, Any]:
    # a step's script differs, so that nothing can be reused
    text = YAML if kind == "same" else YAML.replace("Hello", f"Hello {task_id}")
    args = {"timeout": 60, "scriptParams": json.dumps({"abc": task_id}), "taskYaml": text}
    return {"taskId": task_id, "taskType": "CloudTask", "agentId": "agent", "args": args}


@contextlib.asynccontextmanager
async def _service(redis: Redis, sender: Sender, engine: Remembering) -> AsyncIterator[str]:
    store = Store(redis, shards=64, keep_s=0)
    service = assemble(
        store, engine, sender, Translation(Options(), load_template()), sweep_seconds=3600, flush_seconds=0
    )
    await service.start()
    try:
        async with serving(create_app(service, desk=service.desk), "127.0.0.1", 0) as url:
            yield url
    finally:
        await service.stop()


async def _submissions(redis: Redis, size: int, kind: str = "other") -> float:
    """Tasks a second, accepted in batches of `size` by a client of its own process."""
    # agent-server and the engine take their time: what is measured is the taking in
    async with _service(redis, _Away(), _Away()) as url:
        client = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "client", url, str(size), kind, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await client.communicate()
        return float(out)


class _Away(Remembering):
    denied = ""

    async def submit(self, rendered: Rendered) -> WorkflowRef:  # noqa: ARG002 - it never answers
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, events: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], int]:  # noqa: ARG002 - the same
        await asyncio.Event().wait()
        raise AssertionError


async def _client(url: str, size: int, kind: str) -> None:
    async with aiohttp.ClientSession() as http:
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            batch = [_item(f"{kind}-{size}-{count + n}", kind) for n in range(size)]
            async with http.post(url + BATCH_PATH, json=batch) as answer:
                answers = await answer.json()
            assert all(each["outcome"] == "accepted" for each in answers), answers
            count += size
        print(count / (time.perf_counter() - start))


async def _lines(redis: Redis, transport: str) -> float:
    """Log lines a second from the engine to agent-server's acknowledgement, of several tasks at once."""
    engine = Remembering()
    async with contextlib.AsyncExitStack() as stack:
        stand_in = await stack.enter_async_context(StandIn())
        sender: AgentServerClient | LinkClient = AgentServerClient(stand_in.url)
        if transport == "link":
            sender = LinkClient(f"{stand_in.link}?clientId=agent")
        await stack.enter_async_context(sender)
        url = await stack.enter_async_context(_service(redis, sender, engine))
        if isinstance(sender, LinkClient):
            sender.start(_Nothing())
            await sender.opened()
        http = await stack.enter_async_context(aiohttp.ClientSession())
        part = tuple([LINE] * 1000)
        each = LINES // TASKS // 1000
        told = [LogLines("step1", part, {"line": n}, "2026-01-02T03:04:05.678Z") for n in range(each)]
        items = [_item(f"lines-{n}") for n in range(TASKS)]
        engine.told = _Everyone(told)
        start = time.perf_counter()
        async with http.post(url + BATCH_PATH, json=items) as answer:
            assert answer.status == 200
        held = 0
        async for event in stand_in.events():
            held += len(event.get("lines", ()))
            if held >= LINES:
                break
        taken = time.perf_counter() - start
        assert not stand_in.ledger.violations, stand_in.ledger.violations[0]
    return LINES / taken


class _Nothing:
    """No task comes over the link here."""

    async def submit(self, items: Sequence[TaskItem]) -> list[Answer]:
        """Not called."""
        raise NotImplementedError(items)


class _Everyone(dict[str, list[Observation]]):
    """The same for every Workflow."""

    def __init__(self, told: list[Any]) -> None:
        super().__init__()
        self._told = told

    def get(self, name: str, default: Any = None) -> Any:
        """What is to be told."""
        del name, default
        return self._told


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        asyncio.run(_client(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    else:
        main()
