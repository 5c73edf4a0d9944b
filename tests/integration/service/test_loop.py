from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.integration.service.rounds import cloud_task
from translator.agent_server.protocol import BATCH_PATH

BATCH = Path(__file__).parents[3] / "translator" / "cli" / "demo_batch.json"


def told(stand_in, task_id):
    """Statuses and steps in the order of their coming, without repeats of a phase."""
    seen = []
    for event in stand_in.ledger.kept:
        if event["taskId"] == task_id and event["kind"] in ("status", "step"):
            entry = (event.get("name", "task"), event["phase"])
            if entry not in seen:
                seen.append(entry)
    return seen


async def test_the_seeds_batch_goes_all_the_way_round(round_, stand_in, http, tmp_path):
    stand_in.agent = round_.url
    async with http.post(stand_in.url + BATCH_PATH, json=json.loads(BATCH.read_text())) as answer:
        assert answer.status == 200
    final = await round_.outcome("task123")

    assert final["phase"] == "Succeeded"
    assert [(step["name"], step["phase"]) for step in final["steps"]] == [
        (name, "Succeeded") for name in ("step1", "step2", "step3")
    ]
    steps = [(f"step{n}", phase) for n in (1, 2, 3) for phase in ("Running", "Succeeded")]
    assert told(stand_in, "task123") == [
        ("task", "Pending"),
        ("task", "Running"),
        *steps,
        ("task", "Succeeded"),
    ]
    assert round_.lines("task123") == ["Hello World step1 FOO=", "Hello World step3 FOO=None"]
    assert list((tmp_path / "runs").glob("*/*/*")) == []


async def test_a_failed_step_ends_the_task_and_skips_the_rest(round_):
    await round_.post(cloud_task("t1", "echo before; exit 3", "echo never"))
    final = await round_.outcome("t1")
    assert (final["phase"], final["reason"]) == ("Failed", "StepFailed")
    assert [(s["phase"], s.get("exitCode")) for s in final["steps"]] == [("Failed", 3), ("Skipped", None)]
    assert round_.lines("t1") == ["before"]


async def test_many_tasks_run_side_by_side_and_keep_their_order(round_):
    ids = [f"t{number}" for number in range(20)]
    answers = await round_.post(*(cloud_task(i, f"for n in 1 2 3 4 5; do echo {i} $n; done") for i in ids))
    assert [answer["outcome"] for answer in answers] == ["accepted"] * 20
    finals = await asyncio.gather(*(round_.outcome(i) for i in ids))
    assert {final["phase"] for final in finals} == {"Succeeded"}
    for i in ids:
        assert round_.lines(i) == [f"{i} {n}" for n in range(1, 6)]


async def test_many_lines_arrive_once_and_in_portions(start_round):
    async with start_round(row_limit=500) as round_:
        await round_.post(cloud_task("t1", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"))
        await round_.outcome("t1")
        assert round_.lines("t1") == [f"line {n}" for n in range(20000)]
        logs = [event for event in round_.stand_in.ledger.kept if event["kind"] == "log"]
        assert max(len(event["lines"]) for event in logs) <= 500


async def test_a_task_over_its_time_is_ended_and_told_so(round_):
    await round_.post(cloud_task("t1", "echo started; sleep 60", timeout=1))
    final = await round_.outcome("t1")
    assert (final["phase"], final["reason"]) == ("TimedOut", "TaskDeadlineExceeded")
    assert final["remedy"]
    assert round_.lines("t1") == ["started"]


async def test_what_the_engine_refuses_ends_in_error_with_the_reason(round_):
    await round_.post(cloud_task("t1", "#!/no/such/interpreter\nx"))
    final = await round_.outcome("t1")
    assert (final["phase"], final["reason"]) == ("Error", "InterpreterMissing")
    assert "/no/such/interpreter" in final["message"]
    assert [step["phase"] for step in final["steps"]] == ["Skipped"]
