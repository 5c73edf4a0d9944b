"""The value of a secret parameter reaches the step, and nothing else: every output is searched for it."""

from __future__ import annotations

import base64
import io
import json
import logging
import subprocess
import sys

import pytest

from tests.integration.service.rounds import cloud_task, eventually
from translator.service.log import configure
from translator.service.template import load_template
from translator.workflow.options import Options

VALUE = "hush-{{x}} $$ of 7\nsecond-line-of-it"
FORMS = [
    "hush-",
    "second-line-of-it",
    base64.b64encode(VALUE.encode()).decode(),
    json.dumps(VALUE)[1:-1],
    "aHVzaC",
]
SCRIPT = """
printf '%s\\n' "$codo_DB_Password" "user $codo_user"
printf '%s' "$codo_DB_Password" | wc -c
printf '%s' "$codo_DB_Password" | base64 | tr -d '\\n'; echo
echo "ends with $(printf '%s' "$codo_DB_Password" | tail -n 1)" >&2
exit 3
"""


def holds(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


@pytest.fixture
def service_log():
    """What the service writes to its log, everything included."""
    root = logging.getLogger()
    before = root.handlers, root.level
    configure("debug")
    written = io.StringIO()
    root.handlers[0].setStream(written)
    yield written
    root.handlers, root.level = before


async def everything_in(redis) -> dict[str, str]:
    """All that Redis holds, by key and field."""
    found = {}
    async for key in redis.scan_iter():
        kind = (await redis.type(key)).decode()
        if kind == "hash":
            for field, value in (await redis.hgetall(key)).items():
                found[f"{key.decode()} {field.decode()}"] = value.decode()
        elif kind == "stream":
            found[key.decode()] = json.dumps([str(entry) for entry in await redis.xrange(key)])
        elif kind == "zset":
            found[key.decode()] = str(await redis.zrange(key, 0, -1))
        elif kind == "set":
            found[key.decode()] = str(await redis.smembers(key))
        else:
            found[key.decode()] = str(await redis.get(key))
    return found


async def test_only_the_step_and_the_tasks_record_hold_the_value(round_, stand_in, http, redis, service_log):
    item = cloud_task("t1", SCRIPT)
    item["args"]["scriptParams"] = json.dumps({"user": "me", "DB_Password": VALUE})
    await round_.post(item)
    await round_.outcome("t1")

    first = round_.lines("t1")
    assert first[:3] == ["***", "***", "user me"]
    assert first[3].strip() == str(len(VALUE))
    assert first[4:] == ["***", "ends with ***"]

    assert holds(json.dumps(stand_in.ledger.kept)) == []
    assert holds(service_log.getvalue()) == []
    assert "accepted" in service_log.getvalue()
    for path in ("/api/v1/tasks", "/api/v1/tasks/t1", "/api/v1/tasks/t1/events", "/api/v1/tasks/t1/logs",
                 "/api/v1/tasks/t1/manifest", "/api/v1/tasks/t1/manifest?format=yaml", "/metrics",
                 "/api/v1/manager/agent/task/logv2?task_id=t1---agent1",
                 "/api/v1/manager/agent/task/cloud_native?task_id=t1---agent1"):  # fmt: skip
        async with http.get(round_.url + path) as answer:
            text = await answer.text()
            assert holds(text) == [], path
            if "manifest" in path:
                assert "***" in text
    stored = await everything_in(redis)
    assert [key.rpartition(" ")[2] for key, value in stored.items() if holds(value)] == ["args"]


async def test_a_problem_does_not_tell_the_value(round_):
    item = cloud_task("t1", "echo hi")
    for params in ({"token": [VALUE]}, {"token": VALUE + "\0"}, {"token": VALUE, "to\nken": VALUE}):
        item["args"]["scriptParams"] = json.dumps(params)
        (answer,) = await round_.post(item)
        assert answer["outcome"] == "rejected"
        assert holds(json.dumps(answer)) == []
    item["args"]["scriptParams"] = '{"token": "' + "hush-" + '"'
    (answer,) = await round_.post(item)
    assert holds(json.dumps(answer)) == []


async def test_a_retry_has_the_value_again(round_):
    item = cloud_task("t1", 'test "$codo_token" = "hush-7" && echo right "$codo_token"; exit 1')
    item["args"]["scriptParams"] = {"token": "hush-7"}
    await round_.post(item)
    await round_.outcome("t1")
    assert (await round_.service.desk.retry("t1")).outcome == "accepted"

    async def again():
        ended = [
            e["attempt"] for e in round_.stand_in.ledger.kept if e.get("phase") == "Failed" and "steps" in e
        ]
        return 2 in ended

    await eventually(again)
    logs = [event for event in round_.stand_in.ledger.kept if event["kind"] == "log"]
    assert [(event["attempt"], event["lines"]) for event in logs] == [(1, ["right ***"]), (2, ["right ***"])]


async def test_narrower_settings_do_not_unmask_a_task_that_runs(start_round, http, tmp_path):
    """The settings now say that nothing is secret; the task is followed anew, as after a restart."""
    go = tmp_path / "go"
    item = cloud_task("t1", f'until [ -e {go} ]; do sleep 0.05; done; echo "now $codo_token"')
    item["args"]["scriptParams"] = {"token": VALUE}
    async with start_round() as first:
        await first.post(item)

        async def runs():
            return any(event["kind"] == "step" for event in first.stand_in.ledger.kept)

        await eventually(runs)
        first.service.desk._translation.use(Options(shards=4, secret_params=()), load_template())
        async with http.get(first.url + "/api/v1/tasks/t1/manifest") as answer:
            assert holds(await answer.text()) == []
        # as a restart does: what is known of the task is read from Redis again
        await first.service._parts.follower._workers._cut(["t1"])
        first.service._parts.follower.wake("t1")
        go.touch()
        await first.outcome("t1")
        assert first.lines("t1") == ["now ***", "***"]


@pytest.mark.parametrize("form", ["json", "yaml", "tree"])
def test_render_does_not_print_the_value(tmp_path, form):
    file = tmp_path / "task.yaml"
    file.write_text("taskSpec: {displayName: x, steps: [{name: a, image: a, script: echo}]}")
    command = [sys.executable, "-m", "translator", "render", str(file), "--format", form]
    told = subprocess.run(
        [*command, "--params", json.dumps({"TOKEN": VALUE})], capture_output=True, text=True, check=True
    )
    assert holds(told.stdout + told.stderr) == []


def test_run_prints_lines_without_the_value(tmp_path):
    file = tmp_path / "task.yaml"
    script = json.dumps('echo "got $codo_my_secret"; test "$codo_my_secret" = hush-hush')
    file.write_text(f"taskSpec: {{displayName: x, steps: [{{name: a, image: a, script: {script}}}]}}")
    params = json.dumps({"my_secret": "hush-hush"})
    told = subprocess.run(
        [sys.executable, "-m", "translator", "run", str(file), "--params", params],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "got ***" in told.stdout + told.stderr
    assert holds(told.stdout + told.stderr) == []
