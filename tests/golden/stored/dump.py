"""A whole Redis database as JSON data, and back; binary-safe, for what it holds is UTF-8 text."""

from __future__ import annotations

import json
from typing import Any

from redis.asyncio import Redis

from translator.store.record import parse_place


async def dumped(redis: Redis) -> dict[str, Any]:
    """Every key with its type and value."""
    return {key.decode(): await _value(redis, key) for key in sorted(await redis.keys("*"))}


async def _value(redis: Any, key: bytes) -> dict[str, Any]:
    match (await redis.type(key)).decode():
        case "hash":
            pairs = (await redis.hgetall(key)).items()
            return {"hash": {name.decode(): value.decode() for name, value in sorted(pairs)}}
        case "zset":
            pairs = await redis.zrange(key, 0, -1, withscores=True)
            return {"zset": {member.decode(): score for member, score in pairs}}
        case "set":
            return {"set": sorted(member.decode() for member in await redis.smembers(key))}
        case "stream":
            entries = await redis.xrange(key)
            return {
                "stream": {
                    entry.decode(): {name.decode(): value.decode() for name, value in fields.items()}
                    for entry, fields in entries
                }
            }
        case "string":
            return {"string": (await redis.get(key)).decode()}
        case other:
            raise AssertionError(f"{key!r} is a {other}")


async def restore(redis: Any, data: dict[str, Any]) -> None:
    """Replace the database."""
    await redis.flushall()
    for key, typed in data.items():
        ((kind, value),) = typed.items()
        match kind:
            case "hash":
                await redis.hset(key, mapping=value)
            case "zset":
                await redis.zadd(key, value)
            case "set":
                await redis.sadd(key, *value)
            case "stream":
                for entry in sorted(value, key=parse_place):
                    await redis.xadd(key, value[entry], id=entry)
            case "string":
                await redis.set(key, value)


EXTRA = "ofALaterVersion"


def extended(data: Any) -> Any:
    """JSON data with one more field in every object, also in objects that stand in a text."""
    if isinstance(data, dict):
        return {**{name: extended(value) for name, value in data.items()}, EXTRA: {"n": [1, None]}}
    if isinstance(data, list):
        return [extended(each) for each in data]
    if isinstance(data, str) and data[:1] in ("{", "["):
        try:
            inner = json.loads(data)
        except ValueError:
            return data
        return json.dumps(extended(inner), separators=(",", ":"), sort_keys=True)
    return data


def stripped(data: Any) -> Any:
    """Undo `extended`, but for texts."""
    if isinstance(data, dict):
        return {name: stripped(value) for name, value in data.items() if name != EXTRA}
    return [stripped(each) for each in data] if isinstance(data, list) else data


def extended_database(data: dict[str, Any]) -> dict[str, Any]:
    """A database with one more field in every hash, entry and JSON object; indexes hold no objects."""
    found: dict[str, Any] = {}
    for key, typed in data.items():
        ((kind, value),) = typed.items()
        if kind == "hash":
            value = {**{name: extended(text) for name, text in value.items()}, EXTRA: "1"}
        elif kind == "stream":
            value = {
                entry: {**{name: extended(text) for name, text in fields.items()}, EXTRA: "1"}
                for entry, fields in value.items()
            }
        found[key] = {kind: value}
    return found
