"""The transactions by which what Redis has lost is made again: a record, and its places in the indexes."""

from __future__ import annotations

from translator.crash_point import Step
from translator.store.script import owner
from translator.store.scripts import ADD, LEAVE, WHEN_FULL

REBUILD = owner(
    Step.REBUILD,
    LEAVE
    + ADD
    + """
-- ARGV id version now_ms keep_s held attempt state seq phase final ends fields, then `fields` times name,
-- value, then events
local version = redis.call('HGET', task, 'version') or ''
if version == ARGV[3] and redis.call('HGET', task, 'state') == ARGV[7] then return 'rebuilt' end
if version ~= ARGV[2] then return 'stale' end
redis.call('DEL', events)
redis.call('ZREM', sizes, ARGV[1])
local first = 13 + 2 * tonumber(ARGV[12])
add_events(ARGV[6], first, ARGV[1])
redis.call('DEL', task)
redis.call('HSET', task, 'version', ARGV[3], 'acked', ARGV[6] .. '-' .. ARGV[5], 'attempt', ARGV[6],
  'state', ARGV[7], 'seq', ARGV[8], 'phase', ARGV[9], 'final', ARGV[10], 'ends', ARGV[11])
for i = 13, first - 1, 2 do redis.call('HSET', task, ARGV[i], ARGV[i + 1]) end
local is = redis.call('HMGET', task, 'workflow', 'accepted')
if is[1] or ARGV[10] == '1' then
  redis.call('ZREM', inbox, ARGV[1])
else
  redis.call('ZADD', inbox, is[2], ARGV[1])
end
redis.call('ZADD', known, is[2], ARGV[1])
redis.call('SADD', open, ARGV[1])
redis.call('ZREM', expiring, ARGV[1])
leave_if_done(ARGV[1], ARGV[4])
return 'rebuilt'
""",
)
"""A record that was lost, or one that is older than what agent-server holds, is replaced as a whole.

Its version begins with the time, so that no writer that knows the lost one can take this one for it.
"""

REINDEX = owner(
    Step.REINDEX,
    WHEN_FULL
    + LEAVE
    + """
-- ARGV id keep_s
local id = ARGV[1]
local mended = {}
local function place(name, key, wanted, score)
  local there
  if name == 'open' then there = redis.call('SISMEMBER', key, id) == 1
  else there = redis.call('ZSCORE', key, id) ~= false end
  if there == wanted then return end
  if name == 'open' then redis.call(wanted and 'SADD' or 'SREM', key, id)
  elseif wanted then redis.call('ZADD', key, score, id)
  else redis.call('ZREM', key, id) end
  table.insert(mended, name)
end

local is = redis.call('HMGET', task, 'version', 'final', 'workflow', 'released', 'acked', 'attempt', 'seq',
  'accepted')
if not is[1] then
  place('inbox', inbox, false)
  place('open', open, false)
  place('known', known, false)
  place('expiring', expiring, false)
  place('sizes', sizes, false)
  if redis.call('DEL', events) == 1 then table.insert(mended, 'events') end
  return mended
end
local done = is[2] == '1' and not (is[3] and is[4] ~= '1') and is[5] == is[6] .. '-' .. is[7]
place('inbox', inbox, not is[3] and is[2] ~= '1', is[8])
place('open', open, not done)
place('known', known, true, is[8])
place('expiring', expiring, done, done and redis.call('TIME')[1] + ARGV[2])
if not redis.call('ZSCORE', sizes, id) then
  local bytes, start = 0, '-'
  while start do
    local entries = redis.call('XRANGE', events, start, '+', 'COUNT', 64)
    start = nil
    for _, entry in ipairs(entries) do
      local is_log, size = false, 0
      for i = 1, #entry[2], 2 do
        if entry[2][i] == 'rows' then is_log = true end
        if entry[2][i] == 'event' then size = #entry[2][i + 1] end
      end
      if is_log then bytes = bytes + size end
      start = '(' .. entry[1]
    end
  end
  if bytes > 0 then place('sizes', sizes, true, bytes) end
end
return mended
""",
)
"""Puts a task where its record says that it belongs, or nowhere; names what it changed."""
