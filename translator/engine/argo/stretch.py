"""One answer with a container's log → the lines of it that nobody has got yet. No I/O.

A log comes in stretches: a follow ends, another begins further back. Where one ended by itself and the next
begins with a newer file, nothing lies between; but containerd cuts a line in two where it rotates.
"""

from __future__ import annotations

from collections.abc import Sequence

from translator.observe.cursor import Cursor, Join
from translator.observe.executor import LogLine, UserLines
from translator.observe.lines import LONGEST


def time_of(line: bytes) -> str:
    """The time before a line; empty where there is none."""
    return line.partition(b" ")[0].decode("ascii", "replace")


class Stretch:
    """One answer, joined to what was delivered before it.

    Args:
        cursor: up to where lines were delivered.
        before: the stretch before this one, if it was read to its own end and this one was asked for at once.
    """

    def __init__(self, cursor: Cursor, before: Stretch | None = None) -> None:
        self.lost = False
        """Whether lines are known to be missing before those that were returned last; reset it when told."""
        self._before = before
        self._lines = UserLines()
        self._join = Join(cursor)
        self._came = False
        self._last = b""
        self._open = b""

    @property
    def began(self) -> bool:
        """Whether the first line of Argo's executor was in it (Argo before 4.0 writes none)."""
        return self._lines.began

    @property
    def newest(self) -> str:
        """The time of the last line that came, the user's or not, as the kubelet gave it."""
        return time_of(self._last)

    @property
    def strange(self) -> str:
        """The node's own words where the answer, of status 200, was no log; else empty."""
        return self._lines.strange[0].decode(errors="replace")[:300] if self._lines.strange else ""

    def feed(self, chunk: bytes) -> list[LogLine]:
        """Take the next bytes; return the user's lines in them that are new."""
        self._came = True
        done, end, rest = chunk.rpartition(b"\n")
        if end:
            _, inside, last = done.rpartition(b"\n")
            self._last = last if inside else self._open + last
        self._open = rest if end else (self._open + rest)[: LONGEST + 1]
        return self._joined(self._join.feed(self._lines.feed(chunk)))

    def end(self) -> list[LogLine]:
        """The answer has ended, but the log may not have: return what had to wait for that."""
        return self._joined(self._join.end())

    def finish(self, exit_code: int | None) -> list[LogLine]:
        """The answer has ended, and the log with it: return what had to wait for that.

        Args:
            exit_code: of the container, where it is known.
        """
        if not self._came and self._before is not None:
            return self._before.finish(exit_code)
        return self._joined([*self._join.feed(self._lines.end(exit_code)), *self._join.end()])

    def _joined(self, fresh: Sequence[LogLine]) -> list[LogLine]:
        if not fresh or not self._join.lost:
            return list(fresh)
        # the last delivered line is not in this answer: it begins with a newer file
        self._join.lost = False
        if self._before is None:
            self.lost = True
            return list(fresh)
        first = LogLine(fresh[0].time, self._before.unfinished + fresh[0].text)
        return [first, *fresh[1:]]

    @property
    def unfinished(self) -> bytes:
        """The text of a last line without its end, which the next file goes on with."""
        return self._open.partition(b" ")[2] if len(self._open) <= LONGEST else b""
