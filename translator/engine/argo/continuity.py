"""Decides whether what was read of a log goes on where the reading before it ended. No I/O and no clock.

Only the newest file of a log can be read; the kubelet begins one every ten seconds at most, when the older
has 10 MiB. Two things are to be told of a log whose file has changed: whether the older file was read to its
end, and whether a whole file lies between.

- The older file was read to its end where its container had ended, or the follow had stalled there.
- No file lies between where the last line of the one and the first of the other follow each other closely, or
  where a look at the log showed that the newest file was still the one that was read (`Sight`), so short a
  time before that there was one rotation since at most.

In every other case a file may have gone by unseen, and a gap says that lines may be missing. How long a
process was silent decides nothing: what the log looked like meanwhile does.

What cannot be noticed: the kubelet's own follow goes on to the newer file as soon as that is there, while
containerd may still write some last lines to the older one (some hundred at most, of a process that writes as
fast as it can); and where the node's clock is set back, lines that follow while the connection is down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf

from translator.engine.argo.stretch import Stretch
from translator.observe.cursor import Cursor, leap, seconds_between
from translator.observe.executor import Line

TOLD_S = 10.0
"""Seconds after a follow's end within which the kubelet tells that its container has ended, if it has."""

CLOSE_S = 3.0
"""Seconds between the last line of an older file and the first of the newer, in a log that grows fast."""

LEAP_S = 4.0
"""Seconds between two lines in which there may have been two rotations, and a whole file between them: they
are ten seconds apart, but the second comes in time where the first one was late, on a busy node."""

SPAN_S = 5.0
"""Seconds within which there was one rotation at most."""

EMPTY_S = 1.0
"""Seconds within which nobody fills a file of 10 MiB."""

JITTER_S = 0.5
"""Seconds by which a line in a newer file may be earlier than one in the older: containerd writes to both for
a moment, and stdout and stderr are read apart."""

FIRST_S = 4.0
"""Seconds within which a follow's first line comes."""

RENEW_S = 300.0
"""Seconds after which a follow of an empty file is begun anew: before its connection counts as dead."""

DOUBTS = 3
"""Readings that must end with the same line where one may have been cut off."""

UNROTATED = 1024 * 1024
"""Bytes: no kubelet rotates a smaller log (its default is 10 MiB), so all of it came in one piece."""

HELD_S = 30.0
"""Seconds for which a log's beginning waits for the first line of Argo's executor. The executor starts the
user's process before it writes that line, so on a busy node lines of the user's come before it: as many as
the process can write until the executor gets its turn (300 KB were seen). Up to `UNROTATED` they wait."""

HEADLESS = "the log was rotated before anybody could read it"
ROTATED = "lines may be missing: the log was rotated while nobody read it"
LEFT_OUT = "lines may be missing: the log may have been rotated twice while its reader lagged behind"
CUT_OFF = "the log's last lines may be missing: its readings ended at different lines"


class End(Enum):
    """What the reading of an ended container's log was."""

    WHOLE = auto()
    DOUBTFUL = auto()
    """It is to be read again."""
    CUT_OFF = auto()
    """It was read often enough, and ended elsewhere each time."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look at a log showed of its newest file.

    Attributes:
        at: when it was asked for.
        line: the time of a line that the file holds, or began before; empty: the file is the one with which
            the reading began, which may be empty.
        exact: that line is in the file.
    """

    at: float
    line: str
    exact: bool = False

    def shows(self, last: str, now: float, span: float) -> bool:
        """Whether no file has gone by between a line that was read and what comes now.

        Args:
            last: the line's time.
            now: the time.
            span: seconds within which there was one rotation at most.
        """
        if now - self.at >= span:
            return False
        if not self.line or (self.exact and self.line == last):
            return True
        return seconds_between(self.line.encode(), last.encode()) > JITTER_S


class Continuity:
    """What is known of how the readings of one container's log hang together.

    Args:
        cursor: up to where lines were delivered before the first reading.
        tells_start: as `translator.engine.argo.container.Container` has it.

    Attributes:
        before: the last reading, where a newer file may go on from it: it ended by itself, and it was clear
            where it belongs.
        confirmed: that reading is known to have come to its file's end.
        from_start: times cannot be trusted, so the log is to be read from its start.
        waited: lines have waited for the first one of Argo's executor, in vain.
    """

    def __init__(self, cursor: Cursor, *, tells_start: bool) -> None:
        self._resumed = bool(cursor.last)
        self._tells_start = tells_start
        self._received = 0
        self._opened_at = 0.0
        self._behind_since = inf
        self._ended_at = 0.0
        self._sight: Sight | None = None
        self._linked = False
        self._parted: Stretch | None = None
        self._ends: list[str] = []
        self.before: Stretch | None = None
        self.confirmed = False
        self.from_start = False
        self.waited = False

    @property
    def received(self) -> int:
        """The bytes of all readings."""
        return self._received

    @property
    def may_be_rotated(self) -> bool:
        """Whether the log is large enough, as far as is known."""
        return self._resumed or self._received >= UNROTATED

    @property
    def in_one_piece(self) -> bool:
        """Whether so little came in all that it was never rotated."""
        return self._received < UNROTATED

    def receive(self, size: int) -> None:
        """Some more bytes have come."""
        self._received += size

    # What a look at the log shows.

    def see_newest(self, newest: str, stretch: Stretch, asked: float) -> bool:
        """The newest line was asked for while nothing came. Returns whether the follow has stalled.

        Args:
            newest: its time; empty: the newest file is empty.
            stretch: what the follow has brought.
            asked: when it was asked for.
        """
        if not newest:
            if stretch.came:
                return True  # the file was rotated: who begins anew reads the empty one for certain
            self._sight = Sight(asked, "")
            return asked - self._opened_at > RENEW_S
        if not newest[:1].isdigit():
            return False
        if newest <= stretch.newest:
            self._sight = Sight(asked, newest, exact=True)
            return False
        if stretch.came:
            return True
        # the line was written just now, or the kubelet still reads what is older than `sinceTime`
        self._behind_since = min(self._behind_since, asked)
        return asked - self._behind_since > FIRST_S

    def goes_on_within(self, last: str, now: float) -> bool:
        """Whether the last look showed that no file lies between two lines of one follow.

        Args:
            last: the time of the first of them.
            now: the time.
        """
        return self._sight is not None and self._sight.shows(last, now, SPAN_S)

    def see_first(self, first: str, stretch: Stretch, asked: float) -> None:
        """The first line of the newest file was asked for.

        Args:
            first: its time; empty: the file is empty.
            stretch: what the follow has brought.
            asked: when it was asked for.
        """
        if first[:1].isdigit() and first <= stretch.newest:
            self._sight = Sight(asked, "" if first == stretch.first else first)

    # Between two readings.

    def open(self, before: Stretch | None, now: float) -> None:
        """A reading begins.

        Args:
            before: the reading before it.
            now: the time.
        """
        self._opened_at, self._behind_since = now, inf
        sight = self._sight
        if sight is None or before is None:
            self._linked = False
        elif sight.line:
            self._linked = sight.shows(before.newest, now, SPAN_S)
        else:
            # it was in the empty file: then it is in that again
            self._linked = self._linked and sight.shows("", now, EMPTY_S)
        if sight is not None and not sight.line:
            self._sight = None  # it tells of the file of that reading

    def end_follow(self, stretch: Stretch, before: Stretch | None, now: float, *, stalled: bool) -> None:
        """A follow has ended by itself.

        Args:
            stretch: what it brought.
            before: the reading before it.
            now: the time.
            stalled: it was stopped, since it waited at the end of an older file.
        """
        if stretch.joined:
            self.before, self._ended_at, self.confirmed = stretch, now, stalled
            if self._sight is not None and not self._sight.line:
                # what was empty then was this reading's file
                self._sight = replace(self._sight, line=stretch.newest, exact=True)
        else:
            self.before = before  # nothing in it says where it belongs

    def unconfirmed_for(self, seconds: float, now: float) -> float:
        """For how long it may yet be told that the container has ended, so that this explains a follow's end.

        Args:
            seconds: after the follow's end at most.
            now: the time.

        Returns:
            Seconds; 0: it is known, or comes too late.
        """
        return 0.0 if self.confirmed else max(0.0, self._ended_at + seconds - now)

    def parts(self, stretch: Stretch) -> bool:
        """Whether a reading turns out to begin with a newer file. True once for each reading."""
        if not stretch.apart or self._parted is stretch:
            return False
        self._parted = stretch
        return True

    def is_told(self, stretch: Stretch) -> bool:
        """Whether all is said of what may lack before that reading."""
        return self._parted is stretch or not stretch.apart

    def goes_on(self, stretch: Stretch, before: Stretch) -> bool:
        """Whether a newer file goes on where a reading ended, if that had come to its own file's end."""
        if stretch.skipped:
            return False
        last, first = before.newest, stretch.first
        if not first:
            return before.exited or self._linked
        if not first[:1].isdigit():
            return False
        return self._linked or seconds_between(last.encode(), first.encode()) < CLOSE_S

    # Within a follow.

    def leap(self, fresh: Sequence[Line], stretch: Stretch, last: str, now: float) -> int | None:
        """The place of a line before which the kubelet may have left out a file.

        A follow that lags, because whoever takes the lines is slow, or that the kubelet has forgotten, goes
        on with the newest file at some time, however many there were. The kubelet writes ten seconds' worth
        of lines to each, so that lies between the lines before and after.

        Args:
            fresh: the next lines.
            stretch: what the follow has brought, these included.
            last: the time of the last line that was delivered; empty: there was none.
            now: the time.
        """
        if not last or not self.may_be_rotated:
            return None
        # the executor's last line may come in a newer file than the user's
        said = stretch.exited and stretch.newest[:1].isdigit()
        lines = [*fresh, (stretch.newest.encode(), b"")] if said else fresh
        skipped = 0
        while (place := leap(last.encode(), lines[skipped:], LEAP_S)) is not None:
            place += skipped
            before = lines[place - 1][0].decode() if place else last
            if not self.goes_on_within(before, now):
                return place
            last, skipped = lines[place][0].decode(), place + 1
        return None

    # The beginning and the end.

    def is_headless(self, stretch: Stretch, cursor: Cursor) -> bool:
        """Whether the log's beginning is not in its first reading."""
        return not cursor.last and self._tells_start and not stretch.began

    def may_begin_later(self, stretch: Stretch, cursor: Cursor) -> bool:
        """Whether the executor's first line may still come, so that the lines before it are to wait."""
        return stretch.size < UNROTATED and not self.waited and self.is_headless(stretch, cursor)

    def judge_end(self, stretch: Stretch, before: Stretch | None, newest: str | None) -> End:
        """Judge a reading of an ended container's log, which may have been cut off.

        Args:
            stretch: what it brought.
            before: the reading before it.
            newest: the time of the log's newest line; empty: there is none to compare with; None: it cannot
                be told now.
        """
        self._ends.append(stretch.newest)
        if stretch.joined and self._ends_with(stretch, newest):
            return End.WHOLE
        if len(self._ends) < DOUBTS:
            self.before = None if stretch.apart else before
            return End.DOUBTFUL
        return End.CUT_OFF if stretch.joined and len(set(self._ends)) > 1 else End.WHOLE

    def _ends_with(self, stretch: Stretch, newest: str | None) -> bool:
        if stretch.exited:
            return True
        if newest is None:
            return False
        if not newest[:1].isdigit():
            return True
        # an earlier one: the clock was set back, and sinceTime hides what came after that
        self.from_start = self.from_start or newest < stretch.newest
        return newest == stretch.newest
