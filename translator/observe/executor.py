r"""A container's log, as Kubernetes gives it, → the lines that the user's process wrote.

Argo runs the user's process below its executor, whose own lines come into the same log (Argo 4.1 and 3.6):

- ``time=… level=… msg=… … argo=true``, anywhere, also glued to the end of a user's line that has none;
- once the process has ended with another code than 0, ``Error: exit status N``, as good as last;
- where the process never started, ``Error: <why>`` and ``<why>``, and nothing of the user's.

All of these are left out, and nothing else: a user's line of the same text stays, because it comes before the
executor says that the process has exited, or carries a time that is not its own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from translator.observe.lines import LONGEST, Lines

_TIME: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ")
_STAMPED: Final = re.compile(rb"^%b(.*)$" % _TIME.pattern, re.MULTILINE)
_MARK: Final = b" argo=true"
_VALUE: Final = rb'(?:"(?:[^"\\]|\\.)*"|[^\s"]\S*|)'
_EXECUTOR: Final = re.compile(
    rb'time="?(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)"? level=\w+ msg=(?P<msg>%b)'
    rb"(?: [\w.-]+=%b)*? argo=true(?: [\w.-]+=%b)*$" % (_VALUE, _VALUE, _VALUE)
)
# its first line; a container set's container that waits for another says that first, and may never start
_WAITS: Final = b'"waiting for dependency"'
_STARTED: Final = (b'"waiting for signals"', _WAITS)
_EXITED: Final = b'"sub-process exited"'
_EXIT_STATUS: Final = re.compile(rb"Error: exit status (\d+)$")
_ERROR: Final = b"Error: "
_NEVER_RAN: Final = (
    b"Error: failed to find name in PATH: ",
    b'Error: dependency "',
    # the step's time was over before the executor had started its process
    b"Error: failed to start command: ",
)

# a line of an older log that a user prints may look like the executor's, but was not written just now
_STALE: Final = timedelta(seconds=60)

# containerd cuts lines into pieces of this size, between which a line of the other stream may come
_PIECE: Final = 16384

_TAIL: Final = 1000


Line = tuple[bytes, bytes]
"""The time and the text of one line of the user's, without its end. The time is when the container's runtime
read it: RFC 3339 with nanoseconds, in the node's own time zone. There are millions, so it is a bare tuple."""


class LogLine(NamedTuple):
    """A `Line` with names."""

    time: bytes
    text: bytes


class UserLines:
    """Takes the bytes of one container's log, with timestamps, from any point on; gives the user's lines.

    A reader that loses its connection throws it away and begins a new one, further back (`cursor`): a line
    that is not complete, or not known to be the user's, has not been given.

    Args:
        longest: as in `Lines`.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self.began = False
        """Whether the log's beginning was there: the executor's first line (Argo before 4.0 writes none), or
        what it writes instead where the process could not be started."""
        self.strange: list[bytes] = []
        """Lines without a time: not of the log, but the kubelet's own words, in an answer of status 200."""
        self._longest = longest
        self._lines = Lines(longest)
        self._last = LogLine(b"", b"")
        self._piece = b""
        self._wrote = False
        self._waits = False
        self._doubtful: list[LogLine] = []
        self._tail: list[LogLine] | None = None

    @property
    def exited(self) -> bool:
        """Whether the executor has said that the process has exited."""
        return self._tail is not None

    def feed(self, data: bytes) -> list[Line]:
        """Take the next bytes; return the lines that are now known to be the user's."""
        lines = self._lines.feed(data)
        if (plain := self._plain(lines)) is not None:
            return plain
        out: list[Line] = []
        for raw in lines:
            self._take(raw, out)
        return out

    def _plain(self, lines: list[bytes]) -> list[Line] | None:
        """The lines, if it is clear that each is the user's, as of a process that writes a lot; else None."""
        if not self._wrote or self._piece or self._doubtful or self._tail is not None or not lines:
            return None
        data = b"\n".join(lines)
        if _MARK in data or len(found := _STAMPED.findall(data)) != len(lines):
            return None
        self._last = LogLine(found[-1][0], lines[-1])
        return found

    def end(self, exit_code: int | None = None) -> list[Line]:
        """The container has ended and its log was read to the end: return what had to wait for that.

        Args:
            exit_code: of the container, where it is known.
        """
        out: list[Line] = []
        for raw in self._lines.end():
            self._take(raw, out)
        if self._piece:
            out.append(LogLine(self._last.time, self._piece))
        if len(self._doubtful) < 2:
            # one that was ended while it waited for another container says only with which status
            out += _without_exit_status(self._doubtful, exit_code) if self._waits else self._doubtful
        return out + _without_exit_status(self._tail or [], exit_code)

    def held(self, exit_code: int | None) -> list[Line]:
        """What waits for the end, which will not come: the log goes on elsewhere."""
        return [*self._doubtful, *_without_exit_status(self._tail or [], exit_code)]

    def _take(self, raw: bytes, out: list[Line]) -> None:
        line = self._stamped(raw)
        if line is None:
            return
        self._last = LogLine(line.time, raw)
        if _MARK in line.text and (found := _executor(line)) is not None:
            self._hear(found["msg"])
            before = line.text[: found.start()]
            if before and len(before) % _PIECE == 0:
                self._piece += before
            elif before:
                self._give(LogLine(line.time, before), out)
            return
        if self._piece:
            line = LogLine(line.time, self._piece + line.text)
            self._piece = b""
        self._give(line, out)

    def _stamped(self, raw: bytes) -> LogLine | None:
        """Part a line from its time; None for what is not of the log."""
        found = _TIME.match(raw)
        if found is not None:
            return LogLine(found[1], raw[found.end() :])
        if len(self._last.text) > self._longest - 4:
            return LogLine(self._last.time, raw)
        if len(self.strange) < _TAIL:
            self.strange.append(raw)
        return None

    def _hear(self, message: bytes) -> None:
        if message in _STARTED:
            self.began = True
            self._waits = message == _WAITS
        elif message == _EXITED and self._tail is None:
            self._tail = []

    def _give(self, line: LogLine, out: list[Line]) -> None:
        if self._tail is not None:
            self._tail.append(line)
            if len(self._tail) > _TAIL:
                out.append(self._tail.pop(0))
        elif self._is_doubtful(line):
            self._doubtful.append(line)
            # both lines, and nothing before them: the executor found no program, and wrote no first line
            self.began = self.began or len(self._doubtful) == 2
        else:
            out += self._doubtful
            out.append(line)
            self._doubtful = []
            self._wrote = True

    def _is_doubtful(self, line: LogLine) -> bool:
        """Whether the line may be the executor's, because the process never ran: the end will tell."""
        if len(self._doubtful) == 1:
            return line.text == self._doubtful[0].text.removeprefix(_ERROR)
        if self._wrote or self._doubtful:
            return False
        return line.text.startswith(_NEVER_RAN) or (self._waits and bool(_EXIT_STATUS.match(line.text)))


def utc(time: bytes) -> datetime:
    """Return a line's time, to the second below it, in UTC."""
    whole = time[:19] + time[-1 if time.endswith(b"Z") else -6 :]
    return datetime.fromisoformat(whole.decode("ascii")).astimezone(UTC)


def _executor(line: LogLine) -> re.Match[bytes] | None:
    """Find the executor's line at the end of this one."""
    found = _EXECUTOR.search(line.text)
    if found is None:
        return None
    written = datetime.fromisoformat(found["time"].decode("ascii")[:19] + "Z")
    return found if written >= utc(line.time) - _STALE else None


def _without_exit_status(tail: list[LogLine], exit_code: int | None) -> list[LogLine]:
    """Leave out the executor's last word; the user's unfinished line may come after it, or hold it."""
    for at in range(len(tail) - 1, -1, -1):
        found = _EXIT_STATUS.search(tail[at].text)
        if found is not None and exit_code in (None, int(found[1])):
            before = tail[at].text[: found.start()]
            kept = [LogLine(tail[at].time, before)] if before else []
            return tail[:at] + kept + tail[at + 1 :]
    return tail
