"""Whether Redis is set up so that what was acknowledged outlives a crash or a failover; ``doctor`` asks.

The service relies on it and cannot mend it: it is how the server is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import ResponseError

from translator.finding import Finding, fault, fine, warning
from translator.store.wrapped import wrapped

OLDEST: Final = (7, 0)
"""Scripts say by flags what they may do when memory is full; Redis knows them since then."""


async def examine(redis: Redis, *, wait_replicas: int = 0) -> list[Finding]:
    """Look at every server that takes writes.

    Args:
        redis: a client.
        wait_replicas: the setting ``redisConfig.waitReplicas``.

    Raises:
        TemporaryError: Redis does not answer.
        PermanentError: it refuses us.
    """
    client: Any = redis
    async with wrapped("examine Redis"):
        if not isinstance(client, RedisCluster):
            return judge("", await client.info(), await _config(client), wait_replicas)
        await client.initialize()
        found: list[Finding] = []
        for node in client.get_primaries():
            info = await client.info(target_nodes=node)
            found += judge(node.name, info, await _config(client, target_nodes=node), wait_replicas)
        return found


async def _config(client: Any, **where: Any) -> Mapping[str, str]:
    """What CONFIG tells; managed servers do not let everybody ask."""
    try:
        told = await client.config_get("*", **where)
    except ResponseError:  # unknown command, or no permission
        return {}
    return {_text(name): _text(value) for name, value in told.items()}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def judge(
    server: str, info: Mapping[str, Any], config: Mapping[str, str], wait_replicas: int
) -> list[Finding]:
    """What INFO and CONFIG of one server mean. Pure.

    Args:
        server: host and port; empty: the only one.
        info: as redis-py gives INFO.
        config: as CONFIG GET gives it; empty where that is forbidden.
        wait_replicas: the setting.
    """
    where = f"Redis {server}".rstrip()
    return [
        _version(where, info),
        _role(where, info),
        _aof(where, info, config),
        _policy(where, info),
        _replicas(where, info, config, wait_replicas),
    ]


def _version(where: str, info: Mapping[str, Any]) -> Finding:
    name = "Valkey" if "valkey_version" in info else "Redis"
    text = str(info.get("valkey_version") or info.get("redis_version") or "0")
    told = f"{name} {text}"
    parts = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if parts < OLDEST:
        return fault(where, f"version: {told}", "run Redis 7.0 or later, or Valkey")
    return fine(where, f"version: {told}")


def _role(where: str, info: Mapping[str, Any]) -> Finding:
    role = str(info.get("role", "unknown"))
    if role != "master":
        remedy = "let redisConfig.addr name the master, or the Sentinels that know it"
        return fault(where, f"role: it is a {role}, which takes no writes", remedy)
    return fine(where, "role: it takes writes")


def _aof(where: str, info: Mapping[str, Any], config: Mapping[str, str]) -> Finding:
    if not info.get("aof_enabled"):
        remedy = "CONFIG SET appendonly yes, and in its configuration file"
        return fault(where, "appendonly: no: a restart loses what came after the last snapshot", remedy)
    if info.get("aof_last_write_status", "ok") != "ok":
        return fault(
            where, "appendonly: the last write to the file failed", "see the server's log; is the disk full?"
        )
    fsync = config.get("appendfsync", "")
    if fsync == "always":
        return fine(where, "appendfsync: always: every transaction is on disk before it is answered")
    if fsync == "everysec":
        remedy = "CONFIG SET appendfsync always, or redisConfig.waitReplicas with replicas"
        return warning(where, "appendfsync: everysec: a crash of the machine may lose two seconds", remedy)
    if fsync == "no":
        remedy = "CONFIG SET appendfsync always"
        return fault(where, "appendfsync: no: a crash of the machine may lose half a minute", remedy)
    return warning(where, "appendfsync: this user may not ask (CONFIG GET)", "ask who runs the server")


def _policy(where: str, info: Mapping[str, Any]) -> Finding:
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy != "noeviction" and info.get("maxmemory"):
        remedy = "CONFIG SET maxmemory-policy noeviction: the service says when memory is full, and waits"
        return fault(where, f"maxmemory-policy: {policy}: a full server drops tasks silently", remedy)
    if policy != "noeviction":
        remedy = "CONFIG SET maxmemory-policy noeviction, before somebody sets maxmemory"
        return warning(where, f"maxmemory-policy: {policy}, and no maxmemory", remedy)
    return fine(where, "maxmemory-policy: noeviction")


def _replicas(where: str, info: Mapping[str, Any], config: Mapping[str, str], wait_replicas: int) -> Finding:
    listed = [info.get(f"slave{number}") for number in range(int(info.get("connected_slaves", 0)))]
    there = sum(1 for each in listed if isinstance(each, Mapping) and each.get("state") == "online")
    needed = int(config.get("min-replicas-to-write", "0") or 0)
    if there < wait_replicas:
        remedy = "add replicas, or lower redisConfig.waitReplicas"
        return fault(
            where, f"replicas: {there}, and redisConfig.waitReplicas asks for {wait_replicas}", remedy
        )
    if wait_replicas:
        return fine(where, f"replicas: {there}, {wait_replicas} of which hold what is answered")
    if there:
        remedy = "set redisConfig.waitReplicas to 1"
        also = f"; min-replicas-to-write {needed}" if needed else ""
        return warning(where, f"replicas: {there}; a failover may lose the last moments{also}", remedy)
    return fine(where, "replicas: none")
