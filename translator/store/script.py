"""A transaction, and who may make it: decided here, once.

*Owner*: only the replica that holds the task's shard. Everything that follows from watching a task: begin,
append, acknowledge, release, park, shrink, forget. It carries the epoch of the lease and is refused as a
whole where another is current, so that a replica that was paused writes nothing when it wakes up.

*Anyone*: every replica, for whoever asks it. What comes over the API: accept, revoke, retry, unpark. A repeat
changes nothing, and none of them touches what the owner is writing without its noticing: retry asks for the
record's version, the others write fields of their own. It tells the owner by a message, in the same
transaction.

*Replica*: the leases themselves, which say by themselves what may be done (`translator.store.leases`).

*Reader*: whoever likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from translator.crash_point import Step

FENCED: Final = "FENCED"
"""How the answer begins where the epoch is not the current one."""


class Maker(Enum):
    """Who may make a transaction."""

    OWNER = "owner"
    ANYONE = "anyone"
    REPLICA = "replica"
    READER = "reader"


_PROLOGUE = {
    Maker.OWNER: """
local epoch = table.remove(ARGV)
if epoch ~= '' and redis.call('HGET', KEYS[8], 'epoch') ~= epoch then
  return redis.error_reply('FENCED the epoch of the lease is another')
end
""",
    Maker.ANYONE: """
local origin, channel = table.remove(ARGV), table.remove(ARGV)
local function tell(kind, id)
  if channel ~= '' then redis.pcall('PUBLISH', channel, origin .. ' ' .. kind .. ' ' .. id) end
end
""",
    Maker.REPLICA: "",
    Maker.READER: "",
}
"""What each begins with; it takes its own arguments off the end of ARGV. (A message that an access list
forbids must not undo the transaction: pcall.)"""


@dataclass(frozen=True, slots=True)
class Script:
    """Lua that Redis runs whole or not at all.

    Attributes:
        step: what it makes durable; None: it only reads.
        text: its Lua.
        maker: who may make it.
        tells: what it reads is told to agent-server, so as many servers must hold it as what is written:
            after a failover, something else would be told in its place.
    """

    step: Step | None
    text: str
    maker: Maker
    tells: bool = False


def owner(step: Step, text: str) -> Script:
    """A transaction of the shard's holder."""
    return _made(step, text, Maker.OWNER)


def anyone(step: Step, text: str) -> Script:
    """A transaction of any replica; it may call ``tell(kind, id)``."""
    return _made(step, text, Maker.ANYONE)


def replica(step: Step, text: str) -> Script:
    """A transaction on the leases or the replicas; its keys are its own."""
    return _made(step, text, Maker.REPLICA)


def reader(text: str, *, tells: bool = False) -> Script:
    """Reads."""
    return _made(None, text, Maker.READER, tells=tells)


def _made(step: Step | None, text: str, maker: Maker, *, tells: bool = False) -> Script:
    # the flags are the first line, or none
    flags, rest = text.split("\n", 1) if text.startswith("#!") else ("", text)
    prologue = _PROLOGUE[maker]
    return Script(step, "\n".join([flags, prologue, rest]) if flags else prologue + rest, maker, tells)
