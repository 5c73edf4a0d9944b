"""What a released version has stored is read by this one, and what a later one may add is ignored.

Each folder here holds what the version of its name stored, and never changes again.
``pytest tests/golden/stored --freeze VERSION`` writes the folder of a new version, from today's code; it does
not touch one that exists.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.stored.dump import EXTRA, dumped, extended, extended_database, restore, stripped
from tests.golden.stored.writing import NOW, new_store, workflows, write
from translator.engine.argo.listing import holding_of
from translator.errors import TemporaryError
from translator.observe.observation import Verdict
from translator.observe.reducer import begin, observe
from translator.observe.state import TaskState
from translator.store.keys import task_id_of
from translator.store.leases import Leases
from translator.store.record import parse_record
from translator.workflow.carried import carried

FOLDER = Path(__file__).parent
VERSIONS = sorted(path.parent.name for path in FOLDER.glob("*/redis.json"))

versions = pytest.mark.parametrize("version", VERSIONS)
added = pytest.mark.parametrize(
    "add", [lambda data: data, extended_database], ids=["as it is", "one field more"]
)


def read(version: str, name: str) -> Any:
    return json.loads((FOLDER / version / name).read_text(encoding="utf-8"))


async def test_freeze(request, redis):
    version = request.config.getoption("--freeze")
    if version is None:
        pytest.skip("only with --freeze VERSION")
    folder = FOLDER / version
    folder.mkdir()  # one that exists is not written again
    await write(redis)
    for name, data in (("redis.json", await dumped(redis)), ("workflows.json", workflows())):
        text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True)
        (folder / name).write_text(text + "\n", encoding="utf-8")


def test_the_first_release_is_among_them():
    assert "0.1.0" in VERSIONS


def records(data: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The fields of each task's record."""
    found = {task_id_of(key.encode()): typed.get("hash", {}) for key, typed in data.items()}
    return {task_id: fields for task_id, fields in found.items() if task_id is not None}


def parsed(task_id: str, fields: dict[str, str]) -> Any:
    return parse_record(task_id, {name.encode(): value.encode() for name, value in fields.items()})


def lost(before: Any, after: Any, place: str = "") -> list[str]:
    """The places of JSON data that other data does not have, or has otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = [f"{place}.{name}" for name in before.keys() - after.keys()]
        for name in before.keys() & after.keys():
            found += lost(before[name], after[name], f"{place}.{name}")
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = zip(before, after, strict=True)
        return [each for n, (old, new) in enumerate(pairs) for each in lost(old, new, f"{place}[{n}]")]
    return [] if before == after else [place]


@versions
def test_all_of_a_record_is_read(version):
    """Written again, nothing of it is lost: a reader that ignores a field that it should know fails here."""
    for task_id, fields in records(read(version, "redis.json")).items():
        record = parsed(task_id, fields)
        assert lost(json.loads(fields["state"]), json.loads(json.dumps(record.state.as_json()))) == [], (
            task_id
        )
        assert record.args == json.loads(fields["args"])
        assert record.agent_id == fields["agent"]
        assert f"{record.acked[0]}-{record.acked[1]}" == fields["acked"]
        assert (record.version, record.accepted_ms) == (int(fields["version"]), int(fields["accepted"]))
        assert (record.revoked, record.parked) == (fields.get("revoked", ""), fields.get("parked", ""))
        assert record.released == (fields.get("released") == "1")
        assert record.deadline == (float(fields["deadline"]) if "deadline" in fields else None)
        ref = record.workflow.as_json() if record.workflow is not None else None
        assert ref == (json.loads(fields["workflow"]) if "workflow" in fields else None)
        assert record.spec_hash == fields["hash"]


@versions
def test_a_field_that_a_later_version_adds_is_ignored(version):
    data = read(version, "redis.json")
    more = records(extended_database(data))
    for task_id, fields in records(data).items():
        known, extra = parsed(task_id, fields), parsed(task_id, more[task_id])
        assert EXTRA in more[task_id]["state"]
        assert stripped(extra.state.as_json()) == known.state.as_json()
        assert stripped(extra.args) == known.args
        assert (extra.workflow, extra.deadline, extra.acked) == (known.workflow, known.deadline, known.acked)


@versions
def test_a_phase_of_a_later_version_leaves_the_task_to_that_version(version):
    fields = records(read(version, "redis.json"))["accepted"]
    state = json.loads(fields["state"])
    for newer in ({**state, "phase": "Paused"}, {**state, "steps": [{"name": "a", "phase": "Paused"}]}):
        with pytest.raises(TemporaryError, match=r"newer version of the translator stored the .*'Paused'"):
            TaskState.from_json(newer)


async def seen_of(store: Any) -> dict[str, Any]:
    """All that a service reads of a store."""
    found: dict[str, Any] = {}
    tasks = {task.task_id: task for task in await store.open_tasks()}
    listed, _ = await store.catalogue().page(None, 1000)
    for each in listed:
        task_id = each.task_id
        events = [json.loads(kept.text) for kept in await store.events(task_id, (0, 0), 1000)]
        outbox = [json.loads(kept.text) for kept in await store.outbox(task_id, 1000)]
        found[task_id] = (tasks.get(task_id), each, stripped(events), stripped(outbox))
    return found


@versions
@added
async def test_the_service_goes_on_from_what_was_stored(version, add, redis):
    data = read(version, "redis.json")
    await restore(redis, data)
    store = new_store(redis)
    await store.open()
    before = await seen_of(store)
    assert len(before) == len(records(data))
    await restore(redis, add(data))
    assert await seen_of(store) == before
    assert await store.indexes().mend(1_000_000, lambda _: True) == []

    for task_id in before.keys() - {"every-field"}:  # that one is not a state that a task can be in
        record = await store.load(task_id)
        if not record.state.final:
            ended = Verdict("Error", "EngineError", "nothing is left of it", ended=True)
            state, events = observe(record.state, ended, NOW)
            assert state.final, task_id
            record = await store.append(record, state, events)
        if record.workflow is not None:
            await store.release(task_id)
        attempt = record.state.attempt + 1
        state, events = begin(task_id, record.agent_id, attempt, ["a"], NOW)
        assert await store.retry(await store.load(task_id), state, events, 1, "r1") == "retried"
        seqs = [(kept.attempt, kept.seq) for kept in await store.events(task_id, (0, 0), 1000)]
        assert seqs == sorted(set(seqs)), task_id
        await store.unpark(task_id)
        sent = [(kept.attempt, kept.seq) for kept in await store.outbox(task_id, 1000)]
        assert sent[-1] == (attempt, 1), task_id
        assert sent[0] == (1, 1) or sent[0] > record.acked, task_id
        await store.shrink(task_id, keep=0, spill=0)
    assert {task.attempt for task in await store.open_tasks()} == {1, 2, 3, 4}


@versions
@added
async def test_leases_are_read(version, add, redis):
    await restore(redis, add(read(version, "redis.json")))
    leases = Leases(redis, shards=4, name="replica-b", life="life-2", lease_s=15)
    assert await leases.announce() == ["replica-b"]
    taken = await leases.take((await leases.tend({})).others, again=False)
    old = {
        key: typed["hash"]["epoch"] for key, typed in read(version, "redis.json").items() if "lease" in key
    }
    assert set(taken) == {0, 1, 2, 3}
    assert all(str(taken[shard].epoch) > old[f"translator:{{{shard}}}:lease"] for shard in (0, 1))


@versions
@pytest.mark.parametrize("add", [lambda data: data, extended], ids=["as it is", "one field more"])
def test_workflows_are_taken_up(version, add):
    for name, made in read(version, "workflows.json").items():
        workflow = add({**made, "metadata": {**made["metadata"], "uid": "u", "namespace": "n"}})
        found = carried(workflow)
        assert found is not None
        labels = made["metadata"]["labels"]
        assert (found.task_id, found.attempt) == (made["metadata"]["annotations"]["codo.dev/task-id"], 2)
        assert (found.installation, found.content_hash, labels["codo.dev/attempt"]) == (
            "installation-1", "hash-1", "2",
        )  # fmt: skip
        assert (found.args is None) == (name == "secret-params")
        assert [step for step in found.steps if step != "None"]
        assert found.timeout_s is not None
        held = holding_of(workflow)
        assert (held.task_id, held.attempt, held.installation) == (found.task_id, 2, "installation-1")
        assert held.kept
        assert not held.ended
