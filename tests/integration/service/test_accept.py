from __future__ import annotations

import asyncio

from tests.integration.service.rounds import cloud_task, revoke
from translator.agent_server.protocol import BATCH_PATH
from translator.engine.local.engine import LocalEngine


class SlowToTake(LocalEngine):
    """Takes a Workflow only when it is allowed to."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = asyncio.Event()
        self.allowed = asyncio.Event()
        self.taken = []

    async def submit(self, rendered):
        self.asked.set()
        await self.allowed.wait()
        self.taken.append(rendered.name)
        return await super().submit(rendered)


async def test_each_item_gets_its_own_answer(round_):
    good = cloud_task("t1", "true")
    other = cloud_task("t1", "false")
    broken = cloud_task("t2", "true")
    broken["args"]["taskYaml"] = (
        "taskSpec:\n  displayName: x\n  steps:\n  - name: a\n    imag: alpine\n    script: x\n"
    )
    untranslatable = cloud_task("t3", {"script": "true", "workingDir": "/{{pod.name}}"})
    running = {"taskId": "t4", "taskType": "GetRunningTask", "agentId": "agent1", "args": {}}
    answers = await round_.post(good, good, other, broken, untranslatable, running)

    assert [(a["taskId"], a["outcome"]) for a in answers] == [
        ("t1", "accepted"), ("t1", "duplicate"), ("t1", "conflict"), ("t2", "rejected"), ("t3", "rejected"),
        ("t4", "accepted"),
    ]  # fmt: skip
    assert answers[1]["phase"] == "Pending"
    assert answers[2]["problems"][0]["code"] == "task-id-conflict"
    unknown = next(p for p in answers[3]["problems"] if p["code"] == "unknown-key")
    assert (unknown["line"], unknown["path"]) == (5, "taskSpec.steps[0].imag")
    assert answers[4]["problems"][0]["path"] == "taskSpec.steps[0].workingDir"
    [only] = answers[5]["tasks"]
    assert (only["taskId"], only["agentId"], only["attempt"]) == ("t1", "agent1", 1)
    assert (await round_.outcome("t1"))["phase"] == "Succeeded"


async def test_a_finished_task_is_still_a_duplicate(round_):
    await round_.post(cloud_task("t1", "true"))
    await round_.outcome("t1")
    [answer] = await round_.post(cloud_task("t1", "true"))
    assert (answer["outcome"], answer["phase"]) == ("duplicate", "Succeeded")


async def test_a_running_task_is_cancelled(round_, stand_in):
    await round_.post(cloud_task("t1", "echo up; sleep 60", "echo never"))
    async for event in stand_in.events():
        if event["kind"] == "log":
            break
    answers = await round_.post(revoke("t1"), revoke("t1"))
    assert [a["outcome"] for a in answers] == ["accepted", "duplicate"]
    final = await round_.outcome("t1")
    assert (final["phase"], final["reason"]) == ("Cancelled", "Revoked")
    [late] = await round_.post(revoke("t1"))
    assert (late["outcome"], late["phase"]) == ("duplicate", "Cancelled")


async def test_a_task_revoked_in_its_own_batch_never_reaches_the_engine(start_round, tmp_path):
    engine = SlowToTake(root=tmp_path / "slow", bubblewrap=False)
    engine.allowed.set()
    async with start_round(engine=engine) as round_:
        answers = await round_.post(cloud_task("t1", "echo ran"), revoke("t1"))
        assert [a["outcome"] for a in answers] == ["accepted", "accepted"]
        final = await round_.outcome("t1")
    assert final["phase"] == "Cancelled"
    assert engine.taken == []


async def test_a_task_revoked_while_the_engine_takes_it_is_ended(start_round, tmp_path):
    engine = SlowToTake(root=tmp_path / "slow", bubblewrap=False)
    async with start_round(engine=engine) as round_:
        await round_.post(cloud_task("t1", "sleep 60"))
        await engine.asked.wait()
        await round_.post(revoke("t1"))
        engine.allowed.set()
        final = await round_.outcome("t1")
    assert (final["phase"], final["reason"]) == ("Cancelled", "Revoked")
    assert len(engine.taken) == 1


async def test_a_revocation_without_a_task_is_rejected(round_):
    nothing = {"taskId": "r", "taskType": "RevokeTask", "agentId": "a", "args": {}}
    answers = await round_.post(revoke("nobody"), nothing)
    assert [a["problems"][0]["code"] for a in answers] == ["unknown-task", "missing-key"]


async def test_a_stopped_service_takes_nothing(round_, http):
    await round_.service.stop()
    async with http.post(round_.url + BATCH_PATH, json=[cloud_task("t1", "true")]) as answer:
        assert answer.status == 503
        assert "Retry-After" in answer.headers
    async with http.get(round_.url + "/readyz") as answer:
        assert answer.status == 503
