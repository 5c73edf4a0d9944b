"""How a task's log events are kept below a number of bytes: the oldest are dropped, no other event ever is.

Those that agent-server holds go first, down to `keep` bytes in all; then others, down to `spill`. What is
dropped is noted in the record's ``gaps``, and neighbouring ones of a step become one (`translator.store.kept`
shows them).

Events that were perhaps sent stay, so that a repeat is always the same: a request begins after ``acked``, and
holds no more than `HEAD_EVENTS` events of one attempt with `HEAD_BYTES` bytes as stored (or one event). The
newest `TAIL_BYTES` stay too, however little room there is beside them: what is dropped is the oldest of the
rest, and the limit is then exceeded by what was perhaps sent.
"""

from __future__ import annotations

from typing import Final

from translator.crash_point import Step
from translator.store.script import owner

HEAD_EVENTS: Final = 128
"""Events of a task that one request to agent-server may hold."""

HEAD_BYTES: Final = 1024 * 1024
"""Bytes of the events of a task that one request may hold (a bigger event goes alone)."""

TAIL_BYTES: Final = 64 * 1024
"""Of the newest log events of a task, kept whatever its limit is (but no more than the limit)."""

SHRINK = owner(
    Step.SHRINK,
    """#!lua flags=allow-oom
-- ARGV id keep spill head_events head_bytes tail_bytes
local task, events, inbox, open, known, expiring, sizes = unpack(KEYS)
local keep, spill = tonumber(ARGV[2]), tonumber(ARGV[3])
local bytes = tonumber(redis.call('ZSCORE', sizes, ARGV[1]) or '0')
local acked = redis.call('HGET', task, 'acked')
if not acked or bytes <= keep then return bytes end
local function place(id)
  local attempt, seq = id:match('(%d+)-(%d+)')
  return tonumber(attempt), tonumber(seq)
end
local acked_attempt, acked_seq = place(acked)
local function is_acked(attempt, seq)
  return attempt < acked_attempt or (attempt == acked_attempt and seq <= acked_seq)
end
local function fields(entry)
  local of = {}
  for i = 1, #entry[2], 2 do of[entry[2][i]] = entry[2][i + 1] end
  return of
end

local gaps = cjson.decode(redis.call('HGET', task, 'gaps') or '[]')

-- The head may have been sent already, so it must not change: the events that one request may hold.
local most = tonumber(ARGV[4])
local unacked = redis.call('XRANGE', events, '(' .. acked, '+', 'COUNT', most)
local head_attempt = unacked[1] and place(unacked[1][1])
for _, gap in ipairs(gaps) do
  if not is_acked(gap.attempt, gap.last) and gap.attempt < (head_attempt or math.huge) then
    head_attempt = gap.attempt
  end
end
local frozen = (head_attempt == acked_attempt and acked_seq or 0) + most
local head_seq, head_size, head_log = 0, 0, 0
for _, entry in ipairs(unacked) do
  local attempt, seq = place(entry[1])
  local of = fields(entry)
  head_size = head_size + #of.event
  if attempt ~= head_attempt or seq > frozen then break end
  if head_seq > 0 and head_size > tonumber(ARGV[5]) then break end
  head_seq = seq
  if of.rows then head_log = head_log + #of.event end
end
spill = math.max(spill, head_log + math.min(spill, tonumber(ARGV[6])))
local function is_head(attempt, seq)
  return not is_acked(attempt, seq) and attempt == head_attempt and seq <= head_seq
end

local by_end = {}
for _, gap in ipairs(gaps) do by_end[gap.attempt .. '-' .. gap.last] = gap end
local function note(attempt, seq, of)
  local gap = by_end[attempt .. '-' .. (seq - 1)]
  local open_gap = gap and gap.step == of.step
    and (is_acked(attempt, gap.last) or not (gap.attempt == head_attempt and gap.first <= frozen))
    and is_acked(attempt, gap.last) == is_acked(attempt, seq)
  if not open_gap then
    gap = {attempt = attempt, first = seq, rows = 0, step = of.step, time = cjson.decode(of.event).time}
    table.insert(gaps, gap)
  end
  gap.last, gap.rows = seq, gap.rows + tonumber(of.rows)
  by_end[attempt .. '-' .. seq] = gap
end

local start = '-'
while bytes > keep do
  local entries = redis.call('XRANGE', events, start, '+', 'COUNT', 64)
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local attempt, seq = place(entry[1])
    local limit = is_acked(attempt, seq) and keep or spill
    if bytes <= limit then start = nil break end
    local of = fields(entry)
    if of.rows and not is_head(attempt, seq) then
      note(attempt, seq, of)
      redis.call('XDEL', events, entry[1])
      bytes = bytes - #of.event
    end
    start = '(' .. entry[1]
  end
  if not start then break end
end
redis.call('ZADD', sizes, bytes, ARGV[1])
if #gaps > 0 then
  table.sort(gaps, function(a, b)
    return a.attempt < b.attempt or (a.attempt == b.attempt and a.first < b.first)
  end)
  redis.call('HSET', task, 'gaps', cjson.encode(gaps))
end
return bytes
""",
)
"""Returns the bytes of log events that are kept then."""
