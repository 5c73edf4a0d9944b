"""One answer with a container's log → the lines of it that nobody has got yet. No I/O.

A log comes in stretches: a follow ends, another begins further back. Where one ended by itself and the next
begins with a newer file, nothing lies between; but containerd cuts a line in two where it rotates.
"""

from __future__ import annotations

from collections.abc import Sequence

from translator.observe.cursor import Cursor, Join
from translator.observe.executor import Line, UserLines
from translator.observe.lines import LONGEST


def time_of(line: bytes) -> str:
    """The time before a line; empty where there is none."""
    return line.partition(b" ")[0].decode("ascii", "replace")


class Stretch:
    """One answer, joined to what was delivered before it.

    Args:
        cursor: up to where lines were delivered.

    Attributes:
        size: the bytes that came.
        held: new lines that wait for more; with the connection they are lost, and are read again.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.size = 0
        self.held: list[Line] = []
        self._lines = UserLines()
        self._join = Join(cursor)
        self._first = b""
        self._last = b""
        self._open = b""

    @property
    def came(self) -> bool:
        """Whether there was anything in it."""
        return bool(self._last or self._open)

    @property
    def began(self) -> bool:
        """Whether the first line of Argo's executor was in it (Argo before 4.0 writes none)."""
        return self._lines.began

    @property
    def exited(self) -> bool:
        """Whether Argo's executor said in it that the user's process has exited: then it reached the end."""
        return self._lines.exited

    @property
    def first(self) -> str:
        """The time of the first line that came, as `newest`."""
        return time_of(self._first)

    @property
    def newest(self) -> str:
        """The time of the last line that came, the user's or not, as the kubelet gave it."""
        return time_of(self._open if b" " in self._open else self._last)

    @property
    def strange(self) -> str:
        """The node's own words where the answer, of status 200, was no log; else empty."""
        return self._lines.strange[0].decode(errors="replace")[:300] if self._lines.strange else ""

    @property
    def joined(self) -> bool:
        """Whether it is clear what of it is new; until then lines wait."""
        return self._join.joined

    @property
    def apart(self) -> bool:
        """Whether it began with a newer file: the last line that was delivered is not in it."""
        return self._join.apart

    @property
    def skipped(self) -> bool:
        """Whether lines of that file may have been left out."""
        return self._join.skipped

    def feed(self, chunk: bytes) -> Sequence[Line]:
        """Take the next bytes; return the user's lines in them that are new."""
        self.size += len(chunk)
        if b" " not in self._first:
            self._first += chunk[:100]
        done, end, rest = chunk.rpartition(b"\n")
        if end:
            _, inside, last = done.rpartition(b"\n")
            self._last = last if inside else self._open + last
        self._open = rest if end else (self._open + rest)[: LONGEST + 1]
        return self._join.feed(self._lines.feed(chunk))

    def finish(self, exit_code: int | None) -> Sequence[Line]:
        """The answer has ended, and the log with it: return what had to wait for that.

        Args:
            exit_code: of the container, where it is known.
        """
        held, self.held = self.held, []
        return [*held, *self._join.feed(self._lines.end(exit_code))]

    def join_again(self, cursor: Cursor, fresh: Sequence[Line]) -> Sequence[Line]:
        """The kubelet gives the same file again from its start.

        Args:
            cursor: up to where lines were delivered.
            fresh: the lines that come again.

        Returns:
            Those of them that are new after all.
        """
        self._join = Join(cursor)
        return self._join.feed(fresh)

    def begin(self) -> Sequence[Line]:
        """Take it that this is a newer file, all of it new: return what has waited."""
        return self._join.begin()

    def continued(self, fresh: Sequence[Line], exit_code: int | None) -> Sequence[Line]:
        """What a newer file began with, after what of this one, the older, had to wait.

        Args:
            fresh: the newer file's first lines; none: there are none.
            exit_code: of the container, where it is known.
        """
        if not fresh:
            return self.finish(exit_code)
        (time, text), *others = fresh
        return [*self._lines.held(exit_code), (time, self._unfinished + text), *others]

    @property
    def _unfinished(self) -> bytes:
        """The text of a last line without its end, which the next file goes on with."""
        return self._open.partition(b" ")[2] if len(self._open) <= LONGEST else b""
