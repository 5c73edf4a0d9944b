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
from datetime import datetime, timedelta
from typing import Any, Final, Self

from translator.observe.executor import Line, utc
from translator.observe.lines import CUT
from translator.observe.record import compact, known

_OVERLAP: Final = timedelta(seconds=2)

# Lines of stdout and stderr come in the order in which they were read, which is not quite that of their
# times. Nor is it at a rotation: containerd still writes to the older file what it had read, while it begins
# the newer one.
_JITTER: Final = timedelta(seconds=1)

_CUT: Final = CUT.encode()

_MOST: Final = 50_000
"""Lines that are kept while the last delivered one is looked for."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last delivered line of one container.

    Attributes:
        pod: the pod's UID.
        container: the container's ID, as its status has it.
        last: the line's time; empty before the first line.
        digest: of the line's text.
        same: how many lines in a row have that time, this one included.
        high: the latest time of all delivered lines, where it is not the last line's.
    """

    pod: str
    container: str
    last: str = ""
    digest: str = ""
    same: int = 0
    high: str = ""

    @property
    def since(self) -> str:
        """The ``sinceTime`` (RFC 3339, UTC) to ask for; empty: from the start.

        A little earlier than the last line: two streams are not read in step.
        """
        return (utc(self.last.encode()) - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ") if self.last else ""

    def after(self, lines: Sequence[Line]) -> Self:
        """Return the cursor after some more lines, all of them given to nobody before."""
        if not lines:
            return self
        last, text = lines[-1]
        run = next((n for n, (time, _) in enumerate(reversed(lines)) if time != last), len(lines))
        if run == len(lines) and last == self.last.encode():
            run += self.same
        times = [time for time, _ in lines]
        high = _latest([(self.high or self.last).encode(), *times] if self.last else times)
        return replace(
            self,
            last=last.decode(),
            digest=_digest(text),
            same=run,
            high="" if high == last else high.decode(),
        )

    def is_of(self, pod: str, container: str) -> bool:
        """Whether it belongs to this container: the log of another one has nothing to be joined to."""
        return (self.pod, self.container) == (pod, container)

    def as_json(self) -> dict[str, Any]:
        """The cursor as JSON data, from which `from_json` makes it again."""
        return compact(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Make a cursor of what `as_json` gave."""
        return cls(**known(cls, data))


class Join:
    """Leaves out of a new stream, read from `Cursor.since` on, what an earlier one has delivered.

    The stream is the log's newest file. Either the last delivered line is in it, and what follows is new; or
    the file was begun later, and all of it is new, whatever its lines' times. A line later than all that were
    delivered tells: what comes before the last delivered line has been delivered itself. Until then lines
    wait.

    Args:
        cursor: up to where lines were delivered.

    Attributes:
        apart: the last delivered line is not in the stream: a newer file begins with what was given first.
        skipped: of that file, lines may have been left out.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.apart = False
        self.skipped = False
        self._last = cursor.last.encode()
        self._high = (cursor.high or cursor.last).encode()
        self._digest = cursor.digest
        self._run = cursor.same
        self._joined = not cursor.last
        self._same = 0
        self._held: list[Sequence[Line]] = []

    @property
    def joined(self) -> bool:
        """Whether it is clear what is new."""
        return self._joined

    def feed(self, lines: Sequence[Line]) -> Sequence[Line]:
        """Take the next lines of the stream; return those that have not been delivered."""
        if self._joined or not lines:
            return lines
        times = [time for time, _ in lines]
        found = self._find(times, lines)
        if found is not None:
            self._joined = True
            self._held = []
            return lines[found + 1 :]
        latest = _latest(times)
        self._hold(lines, latest)
        return self.begin() if _latest([self._high, latest]) != self._high else []

    def begin(self) -> Sequence[Line]:
        """Take it that the last delivered line does not come: return what has waited."""
        if self._joined:
            return []
        held, self._held = self._held, []
        self._joined = self.apart = True
        return [line for lines in held for line in lines]

    def _find(self, times: Sequence[bytes], lines: Sequence[Line]) -> int | None:
        """The place of the last delivered line."""
        try:
            at = times.index(self._last)
        except ValueError:
            self._same = 0
            return None
        self._same = 0 if at else self._same
        for place in range(at, len(times)):
            self._same = self._same + 1 if times[place] == self._last else 0
            if self._same == self._run and _digest(lines[place][1]) == self._digest:
                return place
        return None

    def _hold(self, lines: Sequence[Line], latest: bytes) -> None:
        if utc(self._last) - utc(latest) > _JITTER:
            self.skipped = True  # no newer file begins so early, unless somebody has set the clock back
            return
        self._held.append(lines)
        while sum(map(len, self._held[1:])) > _MOST:
            self._held.pop(0)
            self.skipped = True


def seconds_between(earlier: bytes, later: bytes) -> float:
    """The seconds from one line's time to another's."""
    whole = (utc(later) - utc(earlier)).total_seconds()
    return whole + _fraction(later) - _fraction(earlier)


def _fraction(time: bytes) -> float:
    digits = time[19:29].rstrip(b"Z+-:")
    return float(b"0" + digits) if digits[:1] == b"." else 0.0


def leap(before: bytes, lines: Sequence[Line], seconds: float) -> int | None:
    """The place of the first line that is so much later than the one before it.

    Args:
        before: the time of the line before them.
        lines: any number.
        seconds: how much.
    """
    if not lines or seconds_between(before, lines[-1][0]) < seconds:
        return None
    for place, (time, _) in enumerate(lines):
        if time[:19] != before[:19] and seconds_between(before, time) >= seconds:
            return place
        before = time
    return None


def _latest(times: Sequence[bytes]) -> bytes:
    """The latest time. A node may change its time zone, twice a year: then texts cannot be compared."""
    zone = times[-1][-6:].lstrip(b".0123456789")
    return max(times) if times[0].endswith(zone) else max(times, key=_moment)


def _moment(time: bytes) -> tuple[datetime, bytes]:
    return utc(time), time[19:]


def _digest(text: bytes) -> str:
    # 0.1.0 stored the digest of a piece of a long line without the mark at its end
    return hashlib.blake2b(text.removesuffix(_CUT), digest_size=12).hexdigest()
