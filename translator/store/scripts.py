"""The store's transactions, as Lua that Redis runs whole or not at all.

Each script gets its keys in KEYS and is written so that a repeat after a lost answer changes nothing. Redis
does not roll a failed script back, so what may be refused (XADD, by its explicit id) comes before what may
not. They are sent with EVAL, not EVALSHA: Redis keeps the compiled script either way, and a restarted or
failed-over server needs no second path for NOSCRIPT.
"""

from __future__ import annotations

_LEAVE = """
-- A task leaves the open set when it has ended, agent-server holds every event, and the engine let go.
local function leave_if_done(task, outbox, open, id, keep_s)
  local is = redis.call('HMGET', task, 'final', 'workflow', 'released')
  if is[1] ~= '1' or (is[2] and is[3] ~= '1') or redis.call('XLEN', outbox) > 0 then return 0 end
  redis.call('SREM', open, id)
  redis.call('DEL', outbox)
  redis.call('EXPIRE', task, keep_s)
  return 1
end
"""

ACCEPT = """
-- KEYS task outbox inbox open; ARGV id hash now_ms agent args attempt state seq phase, then seq, event, ...
local known = redis.call('HMGET', KEYS[1], 'hash', 'phase')
if known[1] then
  if known[1] == ARGV[2] then return {'duplicate', known[2]} end
  return {'conflict', known[2]}
end
for i = 10, #ARGV, 2 do
  redis.call('XADD', KEYS[2], ARGV[6] .. '-' .. ARGV[i], 'event', ARGV[i + 1])
end
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'accepted', ARGV[3], 'agent', ARGV[4], 'args', ARGV[5],
  'attempt', ARGV[6], 'state', ARGV[7], 'seq', ARGV[8], 'phase', ARGV[9], 'version', '1')
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('SADD', KEYS[4], ARGV[1])
return {'accepted', ARGV[9]}
"""
"""Task record, first event and inbox entry, once for a taskId."""

BEGIN = """
-- KEYS task
local is = redis.call('HMGET', KEYS[1], 'hash', 'begun', 'revoked')
if not is[1] then return 'unknown' end
if is[3] and not is[2] then return 'revoked' end
redis.call('HSET', KEYS[1], 'begun', '1')
return 'begun'
"""
"""From here on the engine may hold the attempt: a revocation that comes later must reach the engine."""

APPEND = (
    _LEAVE
    + """
-- KEYS task outbox inbox open; ARGV id version attempt state seq phase final keep_s fields,
-- then `fields` pairs of name, value, then seq, event, ...
local version = redis.call('HGET', KEYS[1], 'version')
if not version then return 'unknown' end
if version ~= ARGV[2] then
  if tonumber(version) == tonumber(ARGV[2]) + 1 and redis.call('HGET', KEYS[1], 'state') == ARGV[4] then
    return 'appended'  -- this very call, whose answer got lost
  end
  return 'stale'
end
local first = 10 + 2 * tonumber(ARGV[9])
for i = first, #ARGV, 2 do
  redis.call('XADD', KEYS[2], ARGV[3] .. '-' .. ARGV[i], 'event', ARGV[i + 1])
end
redis.call('HSET', KEYS[1], 'version', tonumber(version) + 1, 'state', ARGV[4], 'seq', ARGV[5],
  'phase', ARGV[6], 'final', ARGV[7])
for i = 10, first - 1, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
if ARGV[7] == '1' or redis.call('HEXISTS', KEYS[1], 'workflow') == 1 then
  redis.call('ZREM', KEYS[3], ARGV[1])
end
leave_if_done(KEYS[1], KEYS[2], KEYS[4], ARGV[1], ARGV[8])
return 'appended'
"""
)
"""State, cursors and events of one attempt, only for the writer that knows the stored version."""

ACKNOWLEDGE = (
    _LEAVE
    + """
-- KEYS task outbox open; ARGV id first_id_kept keep_s
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
return leave_if_done(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[3])
"""
)
"""agent-server holds all events before an id."""

RELEASE = (
    _LEAVE
    + """
-- KEYS task outbox open; ARGV id keep_s
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'released', '1')
return leave_if_done(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2])
"""
)
"""The engine has forgotten the attempt's Workflow."""

REVOKE = """
-- KEYS task; ARGV why
local is = redis.call('HMGET', KEYS[1], 'phase', 'final', 'revoked')
if not is[1] then return {'unknown', ''} end
if is[2] == '1' then return {'ended', is[1]} end
if is[3] then return {'repeated', is[1]} end
redis.call('HSET', KEYS[1], 'revoked', ARGV[1])
return {'revoked', is[1]}
"""
"""The wish that a task be cancelled."""

PARK = """
-- KEYS task; ARGV why
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'parked', ARGV[1])
return 1
"""
"""agent-server refuses the task's events for good: they stay, and are not sent again."""
