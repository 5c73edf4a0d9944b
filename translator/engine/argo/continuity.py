"""Decides whether what was read of a log goes on where the reading before it ended. No I/O and no clock.

Only the newest file of a log can be read; the kubelet begins one every ten seconds at most, when the older
has 10 MiB. A reading that begins with a newer file than the one before it lacks nothing where that one is
known to have come to its file's end: its container had ended, or it was stopped for having stalled there. In
every other case lines may be missing, and a gap is to be told.

What cannot be noticed: the kubelet's own follow goes on to the newer file as soon as that is there, while
containerd may still write some last lines to the older one (some hundred at most, of a process that writes as
fast as it can); and where the node's clock is set back, lines that follow while the connection is down.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from translator.engine.argo.stretch import Stretch
from translator.observe.cursor import Cursor, leap, seconds_between
from translator.observe.executor import Line

TOLD_S = 10.0
"""Seconds after a follow's end within which the kubelet tells that its container has ended, if it has."""

CLOSE_S = 3.0
"""Seconds between the last line of an older file and the first of the newer, in a log that grows fast."""

LEAP_S = 9.0
"""Seconds between two lines in which there may have been two rotations, and a whole file between them."""

DOUBTS = 3
"""Readings that must end with the same line where one may have been cut off."""

UNROTATED = 1024 * 1024
"""Bytes: no kubelet rotates a smaller log (its default is 10 MiB), so all of it came in one piece."""

HELD_S = 30.0
"""Seconds for which a log's beginning waits for the first line of Argo's executor. The executor starts the
user's process before it writes that line, so on a busy node lines of the user's come before it: as many as
the process can write until the executor gets its turn (300 KB were seen). Up to `UNROTATED` they wait."""

HEADLESS = "the log was rotated before anybody could read it"
ROTATED = "the log was rotated while nobody read it"
CUT_OFF = "the log's last lines may be missing: its readings ended at different lines"


class End(Enum):
    """What the reading of an ended container's log was."""

    WHOLE = auto()
    DOUBTFUL = auto()
    """It is to be read again."""
    CUT_OFF = auto()
    """It was read often enough, and ended elsewhere each time."""


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
        self._ended_at = 0.0
        self._stalled = False
        self._leapt_to = b""
        self._delivered_at = 0.0
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

    def deliver(self, now: float) -> None:
        """Lines have been passed on."""
        self._delivered_at = now

    # Between two readings.

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
            self._stalled = stalled
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
            return before.exited
        # a follow that missed a rotation had much to read when it came: one line followed the other closely
        limit = LEAP_S if self._stalled else CLOSE_S
        return first[:1].isdigit() and seconds_between(last.encode(), first.encode()) < limit

    # Within a follow.

    def leap(self, fresh: Sequence[Line], stretch: Stretch, last: str, now: float) -> int | None:
        """The place of a line before which the kubelet may have left out a file.

        A follow that lags, because whoever takes the lines is slow, or that the kubelet has forgotten, goes
        on with the newest file at some time, however many there were.

        Args:
            fresh: the next lines.
            stretch: what the follow has brought, these included.
            last: the time of the last line that was delivered; empty: there was none.
            now: the time, for a process that was silent for as long as we have been waiting.
        """
        if not last or not self.may_be_rotated:
            return None
        # the newest may be the executor's
        newest = stretch.newest.encode() if stretch.newest[:1].isdigit() else self._leapt_to
        lines = [*fresh, (newest, b"")]
        first = lines[0][0]
        place = leap(last.encode(), lines, LEAP_S, self._leapt_to)
        waited = now - self._delivered_at
        if place == 0 and waited > seconds_between(last.encode(), first) - LEAP_S / 2:
            place = leap(first, lines[1:], LEAP_S, self._leapt_to)
            return place if place is None else place + 1
        return place

    def look_behind(self, newest: str, stretch: Stretch) -> None:
        """The log is read again from before the line that `leap` found: that shows whether a file lies there.

        Args:
            newest: the time of the log's newest line; up to it no leap is a matter any more.
            stretch: what the follow has brought.
        """
        self._leapt_to = max(newest, stretch.newest).encode()

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
