"""Finds the tasks of which something is still to be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from redis.asyncio import Redis

from translator.store.calls import CHUNK
from translator.store.keys import ShardKeys, keys_of
from translator.store.record import Open, backlog_of, parse_place, unheld_of
from translator.store.wrapped import wrapped

_FIELDS = (
    "workflow", "released", "parked", "revoked", "acked", "attempt", "seq", "ends", "agent", "phase", "final",
    "begun",
)  # fmt: skip


async def undone(redis: Redis, of: Iterable[int], shards: int) -> list[Open]:
    """All such tasks, each shard's oldest submissions first.

    Args:
        redis: the client.
        of: only tasks of these shards.
        shards: how many there are.
    """
    async with wrapped("list the open tasks"), redis.pipeline(transaction=False) as pipe:
        for number in of:
            pipe.zrange(ShardKeys(number).inbox, 0, -1)
            pipe.smembers(ShardKeys(number).open)
        answers = await pipe.execute()
    waiting = [task_id for inbox in answers[0::2] for task_id in inbox]
    others = [task_id for members in answers[1::2] for task_id in members]
    found: list[Open] = []
    ids = list(dict.fromkeys(waiting + others))
    waits = set(waiting)
    for start in range(0, len(ids), CHUNK):
        found += await _describe(redis, ids[start : start + CHUNK], waits, shards)
    return found


async def described(redis: Redis, task_ids: Iterable[str], shards: int) -> dict[str, Open]:
    """The same of these tasks, undone or not; those that are not known are left out.

    They count as waiting where they have neither a Workflow nor ended.
    """
    found: dict[str, Open] = {}
    ids = [task_id.encode() for task_id in task_ids]
    for start in range(0, len(ids), CHUNK):
        for task in await _describe(redis, ids[start : start + CHUNK], set(), shards):
            if task.phase:
                found[task.task_id] = replace(task, waits=not (task.submitted or task.ended))
    return found


async def _describe(redis: Redis, ids: Sequence[bytes], waits: set[bytes], shards: int) -> list[Open]:
    what = f"describe {len(ids)} open tasks"
    async with wrapped(what), redis.pipeline(transaction=False) as pipe:
        for raw in ids:
            pipe.hmget(keys_of(raw.decode(), shards).task(raw.decode()), *_FIELDS)
        answers = await pipe.execute()
    return [_open(raw, values, raw in waits) for raw, values in zip(ids, answers, strict=True)]


def _open(task_id: bytes, values: Sequence[bytes | None], waits: bool) -> Open:
    workflow, released, parked, revoked, *rest = values
    acked, attempt, seq, ends, agent_id, phase, final, begun = [(value or b"").decode() for value in rest]
    place = parse_place(acked or "0-0")
    unheld = unheld_of(place, int(attempt or 1), int(seq or 0), [int(end) for end in ends.split()])
    return Open(
        task_id=task_id.decode(),
        waits=waits,
        runs=workflow is not None and released is None,
        backlog=backlog_of(place, unheld),
        unheld=unheld,
        parked=(parked or b"").decode(),
        revoked=revoked is not None,
        agent_id=agent_id,
        phase=phase,
        attempt=int(attempt or 1),
        ended=final == "1",
        submitted=workflow is not None,
        seq=int(seq or 0),
        begun=begun == "1",
    )
