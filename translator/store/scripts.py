"""The store's transactions, as Lua that Redis runs whole or not at all.

Each script gets the same KEYS (`ShardKeys.of`): the task's record and events, and its shard's inbox, open,
known, expiring, sizes and lease; `translator.store.script` says who may run it. It is written so that a
repeat after a lost answer changes nothing. Redis does not roll a failed script back, so what may be refused
(XADD, by its explicit id) comes before what may not.

They are sent with EVAL, not EVALSHA: Redis keeps the compiled script either way, and a restarted or failed
over server needs no second path for NOSCRIPT. Those that help a full Redis to become less full run there too
(``allow-oom``, Redis 7).

An event is an entry of the stream with the field ``event`` (its JSON); a log event also has ``step`` and
``rows`` (how many lines), so that it can be dropped without being parsed.
"""

from __future__ import annotations

from translator.crash_point import Step
from translator.store.script import anyone, owner, reader

WHEN_FULL = "#!lua flags=allow-oom"

LEAVE = """
local task, events, inbox, open, known, expiring, sizes = unpack(KEYS)
-- A task leaves the open set when it has ended, agent-server holds every event, and the engine let go.
local function leave_if_done(id, keep_s)
  local is = redis.call('HMGET', task, 'final', 'workflow', 'released', 'acked', 'attempt', 'seq')
  if is[1] ~= '1' or (is[2] and is[3] ~= '1') or is[4] ~= is[5] .. '-' .. is[6] then return 0 end
  if redis.call('SREM', open, id) == 0 then return 0 end
  redis.call('ZADD', expiring, redis.call('TIME')[1] + keep_s, id)
  return 1
end
"""

ADD = """
-- Adds the events that lie in ARGV from `first` on, as seq, step, rows, JSON (rows -1: it is no log event).
local function add_events(attempt, first, id)
  local bytes = 0
  for i = first, #ARGV, 4 do
    if ARGV[i + 2] == '-1' then
      redis.call('XADD', events, attempt .. '-' .. ARGV[i], 'event', ARGV[i + 3])
    else
      redis.call('XADD', events, attempt .. '-' .. ARGV[i], 'event', ARGV[i + 3],
        'step', ARGV[i + 1], 'rows', ARGV[i + 2])
      bytes = bytes + #ARGV[i + 3]
    end
  end
  if bytes == 0 then return 0 end
  return tonumber(redis.call('ZINCRBY', sizes, bytes, id))
end
"""

ACCEPT = anyone(
    Step.ACCEPT,
    LEAVE
    + ADD
    + """
-- ARGV id hash now_ms order agent args attempt state seq phase, then events
local is = redis.call('HMGET', task, 'hash', 'phase')
if is[1] then
  if is[1] == ARGV[2] then return {'duplicate', is[2]} end
  return {'conflict', is[2]}
end
add_events(ARGV[7], 11, ARGV[1])
redis.call('HSET', task, 'hash', ARGV[2], 'accepted', ARGV[3], 'agent', ARGV[5], 'args', ARGV[6],
  'attempt', ARGV[7], 'state', ARGV[8], 'seq', ARGV[9], 'phase', ARGV[10], 'version', '1', 'acked', '0-0')
redis.call('ZADD', inbox, ARGV[4], ARGV[1])
redis.call('ZADD', known, ARGV[4], ARGV[1])
redis.call('SADD', open, ARGV[1])
tell('accepted', ARGV[1])
return {'accepted', ARGV[10]}
""",
)
"""Task record, first event and inbox entry, once for a taskId."""

BEGIN = owner(
    Step.BEGIN,
    """
local task = KEYS[1]
local is = redis.call('HMGET', task, 'hash', 'begun', 'revoked')
if not is[1] then return 'unknown' end
if is[3] and not is[2] then return 'revoked' end
redis.call('HSET', task, 'begun', '1')
return 'begun'
""",
)
"""From here on the engine may hold the attempt: a revocation that comes later must reach the engine."""

APPEND = owner(
    Step.APPEND,
    LEAVE
    + ADD
    + """
-- ARGV id version attempt state seq phase final keep_s fields, then `fields` times name, value, then events
local version = redis.call('HGET', task, 'version')
if not version then return {'unknown', 0} end
if version ~= ARGV[2] then
  if tonumber(version) == tonumber(ARGV[2]) + 1 and redis.call('HGET', task, 'state') == ARGV[4] then
    return {'appended', 0}  -- this very call, whose answer got lost
  end
  return {tonumber(version) < tonumber(ARGV[2]) and 'set back' or 'stale', 0}
end
local first = 10 + 2 * tonumber(ARGV[9])
local bytes = add_events(ARGV[3], first, ARGV[1])
redis.call('HSET', task, 'version', tonumber(version) + 1, 'state', ARGV[4], 'seq', ARGV[5],
  'phase', ARGV[6], 'final', ARGV[7])
for i = 10, first - 1, 2 do
  redis.call('HSET', task, ARGV[i], ARGV[i + 1])
end
if ARGV[7] == '1' or redis.call('HEXISTS', task, 'workflow') == 1 then
  redis.call('ZREM', inbox, ARGV[1])
end
leave_if_done(ARGV[1], ARGV[8])
-- for those who watch the task at another replica
redis.pcall('PUBLISH', 'translator:changed:' .. ARGV[1], '')
return {'appended', bytes}
""",
)
"""State, cursors and events of one attempt, only for the writer that knows the stored version.

Returns the bytes of log events kept of the task now; 0: not told.
"""

COUNT = owner(
    Step.COUNT,
    """#!lua flags=allow-oom
-- ARGV attempt elapsed
local is = redis.call('HMGET', KEYS[1], 'attempt', 'final')
if is[1] ~= ARGV[1] or is[2] == '1' then return 0 end
redis.call('HSET', KEYS[1], 'elapsed', ARGV[2])
return 1
""",
)
"""How long the attempt has run, where nothing else is to be stored of it."""

RETRY = anyone(
    Step.RETRY,
    LEAVE
    + ADD
    + """
-- ARGV id version attempt state seq phase order request, then events
local is = redis.call('HMGET', task, 'version', 'final', 'workflow', 'released', 'seq', 'retried', 'ends')
if not is[1] then return 'unknown' end
-- Whether this very call made the attempt and its answer got lost: the new state is the same for all who ask.
if is[6] == ARGV[8] then return 'retried' end
if is[1] ~= ARGV[2] then return 'stale' end
if is[2] ~= '1' then return 'running' end
if is[3] and is[4] ~= '1' then return 'busy' end
add_events(ARGV[3], 9, ARGV[1])
redis.call('HSET', task, 'version', tonumber(is[1]) + 1, 'attempt', ARGV[3], 'state', ARGV[4],
  'seq', ARGV[5], 'phase', ARGV[6], 'final', '0', 'retried', ARGV[8], 'ends', (is[7] or '') .. is[5] .. ' ')
redis.call('HDEL', task, 'workflow', 'deadline', 'elapsed', 'begun', 'revoked', 'released')
redis.call('ZADD', inbox, ARGV[7], ARGV[1])
redis.call('SADD', open, ARGV[1])
redis.call('ZREM', expiring, ARGV[1])
tell('accepted', ARGV[1])
return 'retried'
""",
)
"""A new attempt of a task that has ended and that the engine has let go of."""

OUTBOX = reader(
    """
-- ARGV count
local task, events = KEYS[1], KEYS[2]
local is = redis.call('HMGET', task, 'parked', 'acked', 'agent', 'gaps', 'shortened')
if is[1] or not is[2] then return {} end
return {is[2], is[3], is[4] or '[]', is[5] or '{}',
  redis.call('XRANGE', events, '(' .. is[2], '+', 'COUNT', ARGV[1])}
""",
    tells=True,
)
"""The oldest events that agent-server does not hold."""

SHORTEN = owner(
    Step.SHORTEN,
    WHEN_FULL
    + """
-- ARGV place json
local task = KEYS[1]
local is = redis.call('HMGET', task, 'acked', 'shortened')
if not is[1] then return 0 end
local function place(id)
  local attempt, seq = id:match('(%d+)-(%d+)')
  return tonumber(attempt), tonumber(seq)
end
local acked_attempt, acked_seq = place(is[1])
local shortened = {[ARGV[1]] = ARGV[2]}
for id, event in pairs(cjson.decode(is[2] or '{}')) do
  local attempt, seq = place(id)
  local is_held = attempt < acked_attempt or (attempt == acked_attempt and seq <= acked_seq)
  if id ~= ARGV[1] and not is_held then shortened[id] = event end
end
redis.call('HSET', task, 'shortened', cjson.encode(shortened))
return 1
""",
)
"""In the place of a stored event agent-server is told a shorter one: the stored one is too large to be sent.

The stored one stays as it is, for those who read it over the API.
"""

ACKNOWLEDGE = owner(
    Step.ACKNOWLEDGE,
    WHEN_FULL
    + LEAVE
    + """
-- ARGV id attempt seq keep_s
local acked = redis.call('HGET', task, 'acked')
if not acked then return 0 end
local attempt, seq = acked:match('(%d+)-(%d+)')
attempt, seq = tonumber(attempt), tonumber(seq)
local to_attempt, to_seq = tonumber(ARGV[2]), tonumber(ARGV[3])
if to_attempt > attempt or (to_attempt == attempt and to_seq > seq) then
  redis.call('HSET', task, 'acked', ARGV[2] .. '-' .. ARGV[3])
end
return leave_if_done(ARGV[1], ARGV[4])
""",
)
"""agent-server holds all events up to an id."""

RELEASE = owner(
    Step.RELEASE,
    WHEN_FULL
    + LEAVE
    + """
-- ARGV id keep_s
if redis.call('EXISTS', task) == 0 then return 0 end
redis.call('HSET', task, 'released', '1')
return leave_if_done(ARGV[1], ARGV[2])
""",
)
"""The engine has forgotten the attempt's Workflow."""

REVOKE = anyone(
    Step.REVOKE,
    """#!lua flags=allow-oom
-- ARGV id why
local task = KEYS[1]
local is = redis.call('HMGET', task, 'phase', 'final', 'revoked')
if not is[1] then return {'unknown', ''} end
if is[2] == '1' then return {'ended', is[1]} end
if is[3] then return {'repeated', is[1]} end
redis.call('HSET', task, 'revoked', ARGV[2])
tell('revoked', ARGV[1])
return {'revoked', is[1]}
""",
)
"""The wish that a task be cancelled."""

PARK = owner(
    Step.PARK,
    """#!lua flags=allow-oom
-- ARGV why
local task = KEYS[1]
if redis.call('EXISTS', task) == 0 then return 0 end
redis.call('HSET', task, 'parked', ARGV[1])
return 1
""",
)
"""agent-server refuses the task's events for good: they stay, and are not sent again."""

UNPARK = anyone(
    Step.UNPARK,
    """#!lua flags=allow-oom
-- ARGV id
if redis.call('HDEL', KEYS[1], 'parked') == 0 then return 0 end
tell('replayed', ARGV[1])
return 1
""",
)
"""Its events may be sent again."""

FORGET = owner(
    Step.FORGET,
    """#!lua flags=allow-oom
-- ARGV id now_s
local task, events, inbox, open, known, expiring, sizes = unpack(KEYS)
local due = redis.call('ZSCORE', expiring, ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', task, events)
for _, key in ipairs({known, expiring, sizes}) do redis.call('ZREM', key, ARGV[1]) end
return 1
""",
)
"""The time of being remembered is over."""
