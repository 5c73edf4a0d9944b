"""agent-server, Redis or the callers misbehave for long: what is kept, and who else is harmed."""

from __future__ import annotations

import asyncio
import resource

import pytest

from tests.integration.service.rounds import cloud_task, eventually
from tests.integration.store.samples import accepted, event, state
from translator.agent_server.protocol import BATCH_PATH, CALL_PATH
from translator.errors import TemporaryError
from translator.service.deliver import Deliverer
from translator.store.store import Store

LOUD = (
    "n=0; while [ $n -lt 3000 ]; do echo line $n 0123456789012345678901234567890123456789; n=$((n+1)); done"
)


async def test_a_long_absence_ends_with_one_gap_a_step_and_every_status(start_round, redis):
    store = Store(redis, shards=4, keep_s=60, keep_bytes=0, spill_bytes=300_000)
    async with start_round(server="http://127.0.0.1:9", store=store, row_limit=20) as away:
        await away.post(cloud_task("t1", LOUD.replace("3000", "12000"), "echo second"))

        async def has_ended():
            return (await store.load("t1")).state.final

        await eventually(has_ended)
        sizes = await store.catalogue().log_sizes()
        assert 0 < sizes["t1"] < 400_000
    async with start_round(store=store) as back:
        final = await back.outcome("t1")
        assert final["phase"] == "Succeeded"
        kept = [e for e in back.stand_in.ledger.kept if e.get("step") == "s1"]
        [gap] = [e for e in kept if e["kind"] == "gap"]
        assert gap["missing"] + sum(len(e.get("lines", ())) for e in kept) == 12_000
        assert back.lines("t1")[-1] == "second"


async def test_the_logs_of_all_tasks_stay_below_the_limit_in_all(start_round, store):
    async with start_round(all_log_bytes=30_000, sweep_seconds=0.05) as round_:
        await round_.post(*(cloud_task(f"t{n}", LOUD) for n in range(3)))
        for n in range(3):
            await round_.outcome(f"t{n}")
            assert len(round_.lines(f"t{n}")) == 3000

        async def is_small():
            return sum((await store.catalogue().log_sizes()).values()) <= 30_000

        await eventually(is_small)


class Slow:
    """Takes events, but those of loud tasks only when it is let."""

    def __init__(self):
        self.go = asyncio.Event()
        self.taken = []

    async def send(self, events):
        if len(events[0].get("lines", ())) > 1:
            await self.go.wait()
        self.taken += [each["taskId"] for each in events]
        return {(each["taskId"], each["attempt"]): each["seq"] for each in events}


async def test_a_status_never_waits_behind_other_tasks_logs(store):
    loud = [f"loud{n}" for n in range(40)]
    for task_id in loud:
        record = await accepted(store, task_id)
        body = {"step": "a", "lines": ["x" * 1000] * 50}
        lines = [event(task_id, seq) for seq in range(2, 12)]
        lines = [type(each)(*[*[getattr(each, n) for n in each.__slots__[:-1]], body]) for each in lines]
        await store.acknowledge(task_id, 1, 1)
        await store.append(record, state(task_id, 11), lines)
    await accepted(store, "quiet")
    sender = Slow()
    deliverer = Deliverer(store, sender, row_limit=1000, parallel=4)
    for task_id in [*loud, "quiet"]:
        deliverer.wake(task_id)

    async def is_told():
        return "quiet" in sender.taken

    await eventually(is_told, 5)
    assert sender.taken == ["quiet"]
    assert deliverer.oldest_s() > 0
    sender.go.set()
    async with asyncio.timeout(20):
        await deliverer.idle()
    assert sorted(set(sender.taken)) == sorted([*loud, "quiet"])
    assert deliverer.oldest_s() == 0
    await deliverer.stop()


async def test_small_tasks_share_a_request_and_only_the_refused_one_is_parked(store):
    class Picky:
        def __init__(self):
            self.requests = []

        async def send(self, events):
            ids = [each["taskId"] for each in events]
            self.requests.append(ids)
            if "bad" in ids:
                from translator.errors import PermanentError

                raise PermanentError("no", reason="AgentServerRefused")
            return {(each["taskId"], each["attempt"]): each["seq"] for each in events}

    names = ["a", "b", "bad", "c"]
    for name in names:
        await accepted(store, name)
    sender = Picky()
    deliverer = Deliverer(store, sender, row_limit=1000, parallel=1)
    for name in names:
        deliverer.wake(name)
    await deliverer.idle()
    await deliverer.stop()
    assert sender.requests[0] == names
    assert sender.requests[1:] == [[name] for name in names]
    [left] = [task for task in await store.open_tasks() if task.backlog]
    assert (left.task_id, left.parked) == ("bad", "no")


async def test_without_redis_everything_says_503_and_nothing_is_half_done(round_, http, monkeypatch):
    await round_.post(cloud_task("t1", "true"))
    await round_.outcome("t1")

    async def away(*_, **__):
        raise TemporaryError("Redis is away")

    for name in ("load", "accept", "revoke", "open_tasks", "unpark"):
        monkeypatch.setattr(round_.store, name, away)
    monkeypatch.setattr("translator.store.catalogue.Catalogue.page", away)
    for path in (
        "/tasks",
        "/tasks/t1",
        "/tasks/t1/events",
        "/tasks/t1/logs",
        "/tasks/t1/manifest",
        "/dead-letters",
    ):
        async with http.get(f"{round_.url}/api/v1{path}") as answer:
            assert (path, answer.status) == (path, 503)
            assert answer.headers["Retry-After"] == "1"
    for path, body in (
        (BATCH_PATH, [cloud_task("t2", "true")]),
        (CALL_PATH, cloud_task("t2", "true")),
        ("/api/v1/manager/agent/task/cloud_native", {"action": "retry", "taskId": "t1"}),
    ):
        async with http.post(round_.url + path, json=body) as answer:
            assert (path, answer.status) == (path, 503)
            assert (await answer.json())["error"]["code"] == "unavailable"
    monkeypatch.undo()
    assert await round_.store.load("t2") is None


async def test_a_thousand_idle_connections_and_slow_bodies_harm_nobody(round_):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"this machine allows {hard} open files, and the test needs 4096")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    host, port = round_.url.removeprefix("http://").split(":")
    writers = []
    try:
        for number in range(1000):
            _, writer = await asyncio.open_connection(host, int(port))
            writers.append(writer)
            if number % 2:
                head = f"POST {BATCH_PATH} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: 1000\r\n\r\n[".encode())
        await round_.post(cloud_task("t1", "echo 1"))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
    finally:
        for writer in writers:
            writer.transport.abort()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_batch_of_ten_thousand_is_answered_whole(round_):
    items = [
        {"taskId": f"t{n}", "taskType": "RevokeTask", "agentId": "a", "args": {"taskId": "no"}}
        for n in range(9_999)
    ]
    answers = await round_.post(*items, cloud_task("last", "true"))
    assert len(answers) == 10_000
    assert {answer["outcome"] for answer in answers[:-1]} == {"rejected"}
    assert answers[-1]["outcome"] == "accepted"
    assert (await round_.outcome("last"))["phase"] == "Succeeded"


REFUSALS = {
    "full": (("config_set", "maxmemory", "1"), ("config_set", "maxmemory", "0"), "used memory"),
    "lacking replicas": (
        ("config_set", "min-replicas-to-write", "1"),
        ("config_set", "min-replicas-to-write", "0"),
        "NOREPLICAS",
    ),
    # nothing listens there: it has what it had, and takes no writes
    "read-only": (
        ("execute_command", "REPLICAOF", "127.0.0.1", "1"),
        ("execute_command", "REPLICAOF", "NO", "ONE"),
        "read only",
    ),
}


@pytest.mark.parametrize("how", REFUSALS)
async def test_readiness_says_what_a_submission_would_hear(round_, redis, http, monkeypatch, how):
    monkeypatch.setattr("translator.service.service.PROBED_S", 0.0)
    monkeypatch.setattr("translator.store.room.LOOK_S", 0.0)
    refuse, take, words = REFUSALS[how]
    url = round_.url

    async def asked():
        async with http.get(url + "/readyz") as ready, http.post(url + BATCH_PATH, json=[item]) as answer:
            return ready.status, answer.status, await ready.text()

    item = cloud_task("before", "true")
    assert (await asked())[:2] == (200, 200)
    item = cloud_task("meanwhile", "true")
    await getattr(redis, refuse[0])(*refuse[1:])
    try:
        ready, submission, said = await asked()
    finally:
        await getattr(redis, take[0])(*take[1:])
    assert (ready, submission) == (503, 429 if how == "full" else 503)
    assert words in said, said
    item = cloud_task("after", "true")
    assert (await asked())[:2] == (200, 200)


async def test_who_asks_whether_the_service_is_ready_causes_one_write_a_second(round_, redis, http):
    async def ask():
        async with http.get(round_.url + "/readyz") as answer:
            return answer.status

    await redis.config_resetstat()
    assert set(await asyncio.gather(*(ask() for _ in range(100)))) == {200}
    assert (await redis.info("commandstats"))["cmdstat_set"]["calls"] <= 3
