"""Up to where a container's log has been delivered, and how a new stream of it is joined there.

The kubelet gives a log again from a whole second on, so a reader that has lost its stream asks for a little
more than it needs, and leaves out what it has delivered. A container's log only grows: whatever lies before
the last delivered line has been delivered, so that one line is all that must be found again. It is known by
its time, in nanoseconds, and its text; lines of the same time are counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Self

from translator.observe.executor import LogLine, utc
from translator.observe.record import compact

_OVERLAP: Final = timedelta(seconds=5)

# lines of stdout and stderr come in the order in which they were read, which is not quite that of their times
_JITTER: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last delivered line of one container.

    Attributes:
        pod: the pod's UID.
        container: the container's ID, as its status has it.
        last: the line's time; empty before the first line.
        digest: of the line's text.
        same: how many lines in a row have that time, this one included.
    """

    pod: str
    container: str
    last: str = ""
    digest: str = ""
    same: int = 0

    @property
    def since(self) -> str:
        """The ``sinceTime`` (RFC 3339, UTC) to ask for; empty: from the start.

        Some seconds earlier than the last line: clocks are set back, and two streams are not read in step.
        """
        return (utc(self.last) - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ") if self.last else ""

    def after(self, lines: Sequence[LogLine]) -> Self:
        """Return the cursor after some more lines, all of them given to nobody before."""
        if not lines:
            return self
        last = lines[-1]
        run = next((n for n, line in enumerate(reversed(lines)) if line.time != last.time), len(lines))
        if run == len(lines) and last.time == self.last:
            run += self.same
        return replace(self, last=last.time, digest=_digest(last.text), same=run)

    def is_of(self, pod: str, container: str) -> bool:
        """Whether it belongs to this container: the log of another one has nothing to be joined to."""
        return (self.pod, self.container) == (pod, container)

    def as_json(self) -> dict[str, Any]:
        """The cursor as JSON data, from which `from_json` makes it again."""
        return compact(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Make a cursor of what `as_json` gave."""
        return cls(**data)


class Join:
    """Leaves out of a new stream, read from `Cursor.since` on, what an earlier one has delivered.

    Args:
        cursor: up to where lines were delivered.
        continuous: the earlier stream was read to its own end, and this one was asked for at once. Then it
            goes on where that one ended even if the last line is not in it: the log was rotated in between,
            which the kubelet does every ten seconds at most (``containerLogMonitorInterval``), and only the
            newest file can be read.
    """

    def __init__(self, cursor: Cursor, *, continuous: bool = False) -> None:
        self.lost = False
        """Whether lines are missing between the cursor and the first line that was given."""
        self._cursor = cursor
        self._continuous = continuous
        self._joined = not cursor.last
        self._same = 0
        self._newer: list[LogLine] = []

    def feed(self, lines: Sequence[LogLine]) -> Sequence[LogLine]:
        """Take the next lines of the stream; return those that have not been delivered."""
        if self._joined:
            return lines
        for at, line in enumerate(lines):
            if self._is_last(line):
                self._joined = True
                self._newer = []
                return lines[at + 1 :]
            if self._is_newer(line, timedelta()):
                self._newer.append(line)
            if self._is_newer(line, _JITTER):
                return [*self.end(), *lines[at + 1 :]]
        return []

    def end(self) -> list[LogLine]:
        """The stream has ended: return what is newer than the last delivered line, if that was not in it."""
        given, self._newer = self._newer, []
        self.lost = self.lost or (bool(given) and not self._joined and not self._continuous)
        self._joined = self._joined or bool(given)
        return given

    def _is_last(self, line: LogLine) -> bool:
        self._same = self._same + 1 if line.time == self._cursor.last else 0
        return self._same == self._cursor.same and _digest(line.text) == self._cursor.digest

    def _is_newer(self, line: LogLine, by: timedelta) -> bool:
        last, this = self._cursor.last, line.time
        if by or last[19:].lstrip(".0123456789") != this[19:].lstrip(".0123456789"):
            return utc(this) - utc(last) > by
        return this > last


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=12).hexdigest()
