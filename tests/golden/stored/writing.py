"""Everything that the service stores, written by its own code: a task for each thing that can come of one."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.unit.observe.replay import CUT, NOW, Recording, recordings
from translator.engine.argo.pod_logs import ENDED
from translator.observe.cursor import Cursor
from translator.observe.event import Phase, StepPhase
from translator.observe.observation import LogGap, LogLines, Submitted, Verdict, WorkflowRef
from translator.observe.recovery import Found, resumed
from translator.observe.reducer import begin, observe
from translator.observe.sight import NodeSight, PodSight
from translator.observe.state import Ending, StepState
from translator.service.template import load_template
from translator.store.leases import Leases
from translator.store.record import NewTask, Rebuilt, Record
from translator.store.store import Store
from translator.task.parse import parse_task
from translator.workflow.carried import carry
from translator.workflow.options import Options
from translator.workflow.translate import translate

SHARDS = 4
GOLDEN = Path(__file__).parents[1]

SUBMITTED = {"taskYaml": "taskSpec: {}", "timeout": 600, "scriptParams": [{"key": "名", "value": "\ud800"}]}


def new_store(redis: Redis) -> Store:
    return Store(redis, shards=SHARDS, keep_s=60, keep_bytes=1 << 20, spill_bytes=1 << 20)


async def _accepted(store: Store, task_id: str, steps: list[str]) -> Record:
    state, events = begin(task_id, "agent-1", 1, steps, NOW)
    await store.accept(
        [NewTask(task_id, "agent-1", SUBMITTED, "hash-1", state, tuple(events))], 1_764_000_000_000
    )
    found = await store.load(task_id)
    assert found is not None
    return found


async def _submitted(store: Store, task_id: str, steps: list[str]) -> Record:
    record = await _accepted(store, task_id, steps)
    await store.begin(task_id)
    ref = WorkflowRef("tasks", f"task-{task_id}-a1", f"uid-{task_id}")
    seen = Submitted(ref, f"https://argo.example/{ref.name}", "10m0s")
    state, events = observe(record.state, seen, NOW)
    return await store.append(record, state, events, workflow=ref, deadline=1_764_000_600.25)


async def _seen(store: Store, record: Record, *seen: Any) -> Record:
    state, events = record.state, []
    for each in seen:
        state, more = observe(state, each, NOW)
        events += more
    return await store.append(record, state, events)


def _with_cursors(observations: list[Any]) -> list[Any]:
    """Lines with the cursors that the Argo engine stores with them."""
    cursors: dict[str, Cursor] = {}
    found = []
    for seen in observations:
        if isinstance(seen, LogLines):
            cursor = cursors.get(seen.step, Cursor("pod-uid", "containerd://1"))
            times = [f"2026-11-23T22:00:{n % 60:02}.123456789Z" for n in range(len(seen.lines))]
            lines = list(
                zip([t.encode() for t in times], [line.encode() for line in seen.lines], strict=True)
            )
            cursors[seen.step] = cursor.after(lines)
            seen = replace(seen, cursor=cursors[seen.step].as_json(), time=times[-1] if times else "")  # noqa: PLW2901
        found.append(seen)
    return found


async def _recorded(store: Store, recording: Recording) -> None:
    """A task at the moment when most is remembered of it, and one at its end."""
    name = f"{recording.version}-{recording.scenario}"
    stream = _with_cursors(recording.followed(recording.watched()))
    record = await _submitted(store, f"{name}-goes-on", recording.steps())
    state, sizes = record.state, []
    for seen in stream:
        state, _ = observe(state, seen, NOW)
        sizes.append(0 if state.final else len(json.dumps(state.as_json())))
    most = sizes.index(max(sizes)) + 1
    await _seen(store, record, *stream[:most])
    ended = await _submitted(store, f"{name}-ended", recording.steps())
    gone = Verdict("Error", "EngineError", "nothing is left of it", ended=True)
    await _seen(store, ended, *stream, gone)


def _filled(cls: Any, **given: Any) -> Any:
    """A dataclass of simple values, none of which is its field's default, so that all are stored."""
    samples = {"str": NOW, "bool": True, "int | None": 3, "int": 3}
    made = {field.name: samples[str(field.type)] for field in fields(cls) if field.name not in given}
    return cls(**made, **given)


async def _every_field(store: Store) -> None:
    """A task whose state has every field that a state can have."""
    record = await _submitted(store, "every-field", ["a", "b"])
    steps = [
        _filled(
            StepState,
            name=name,
            phase=StepPhase.RUNNING,
            log_ended=False,
            node=_filled(NodeSight, kind="Container", phase="Running"),
            seen_pod=_filled(PodSight, phase="Running", container="running"),
        )
        for name in ("a", "b")
    ]
    ending = _filled(Ending, phase=Phase.TIMED_OUT)
    cursors = {"a": {**asdict(_filled(Cursor)), ENDED: True}, "b": {"offset": 1}}
    state = replace(
        record.state,
        phase=Phase.RUNNING,
        steps=tuple(steps),
        cursors=cursors,
        verdict=ending,
        overruled=True,
        ending=ending,
    )
    await store.append(record, state, [])


async def write(redis: Redis) -> None:
    """Fill an empty database."""
    store = new_store(redis)
    await store.open()
    await _accepted(store, "accepted", ["a", "b"])
    await _accepted(store, "begun", ["a"])
    await store.begin("begun")
    await _accepted(store, "revoked", ["a"])
    await store.revoke("revoked", "revoked by the request r1")
    await _every_field(store)
    for recording in recordings(CUT):
        await _recorded(store, recording)

    record = await _submitted(store, "local", ["步骤"])
    ended = LogLines("步骤", ("你好", "half \\xe4"), {"offset": 21}, "")
    await _seen(store, record, ended)
    record = await _submitted(store, "log-read", ["a"])
    cursor = Cursor("pod-uid", "containerd://2").after([(b"2026-11-23T22:00:01.5+08:00", b"x")]).as_json()
    gap = LogGap("a", "the log was rotated before it could be read", 3, {**cursor, "same": 2})
    await _seen(store, record, LogLines("a", ("x",), cursor), gap, LogLines("a", (), {**cursor, ENDED: True}))
    record = await _submitted(store, "unread", ["a"])
    await _seen(store, record, LogLines("a", (), {ENDED: True}))

    record = await _submitted(store, "cancelled", ["a"])
    await store.revoke("cancelled", "cancelled over the API")
    await _seen(store, record, Verdict("Cancelled", "Revoked", "the task was revoked"))
    record = await _submitted(store, "time-is-up", ["a"])
    why = "the task ran longer than its timeout"
    await _seen(store, record, Verdict("TimedOut", "TaskDeadlineExceeded", why))

    record = await _submitted(store, "parked", ["a"])
    await store.park("parked", "agent-server: 400: no such agent")
    await _done(store, await _submitted(store, "done", ["a"]))
    record = await _done(store, await _submitted(store, "retried", ["a", "b"]))
    state, events = begin("retried", "agent-1", 2, ["a", "b"], NOW)
    assert await store.retry(record, state, events, 1_764_000_001_000, "r1") == "retried"

    record = await _submitted(store, "shrunk", ["a"])
    for n in range(4):
        record = await _seen(store, record, LogLines("a", (f"line {n}",), {"offset": n + 1}))
    await store.acknowledge("shrunk", 1, record.state.seq - 1)
    await store.shrink("shrunk", keep=150)

    found = Found("rebuilt", "agent-1", 3, ["a"], 7, "")
    ref = WorkflowRef("tasks", "task-rebuilt-a3", "uid-rebuilt")
    state, made = resumed(found, NOW, workflow={"metadata": {"name": ref.name}}, ref=ref, timeout="10m0s")
    rebuilt = Rebuilt(
        "agent-1", None, "hash-1", 7, state, tuple(made), ref, 1_764_000_600.0, 1_764_000_000_000
    )
    assert await store.rebuild("rebuilt", rebuilt, 1_764_000_002_000)

    leases = Leases(redis, shards=SHARDS, name="replica-a", life="life-1", lease_s=15)
    await leases.announce()
    others = (await leases.tend({})).others
    taken = await leases.take({shard: others[shard] for shard in (0, 1)}, again=True)
    await leases.let_go({1: taken[1].epoch})


async def _done(store: Store, record: Record) -> Record:
    """Ended, held by agent-server, and let go of by the engine."""
    record = await _seen(store, record, Verdict("Error", "EngineError", "lost", ended=True))
    assert record.state.phase is Phase.ERROR
    await store.acknowledge(record.task_id, record.state.attempt, record.state.seq)
    await store.release(record.task_id)
    return record


def workflows() -> dict[str, Any]:
    """Workflows as the service creates them, without what only Kubernetes adds."""
    made = {}
    for name in ("seed-min", "secret-params", "layout-pod"):
        args = json.loads(path.read_text()) if (path := GOLDEN / f"{name}.args.json").exists() else {}
        options = Options(**{**args.pop("options", {}), "standalone": False})
        args.pop("attempt", None)
        args.setdefault("task_id", name)
        parsed = parse_task((GOLDEN / f"{name}.task.yaml").read_bytes(), **args)
        assert parsed.task is not None
        rendered = translate(parsed.task, attempt=2, options=options, template=load_template())
        made[name] = carry(rendered, "installation-1", "hash-1", SUBMITTED).workflow
    return made
