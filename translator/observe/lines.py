"""Bytes that a process wrote → the lines in them."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 1 << 20
"""Bytes of the longest line kept whole; a longer one comes in pieces, so that memory stays bounded. Each
piece but the last ends with `CUT`."""

CUT = " [cut: the line goes on in the next]"
"""Ends every piece but the last of a line that is too large to be told whole."""

_CUT = CUT.encode()


class Lines:
    r"""Cuts a stream of bytes into lines, whatever chunks it arrives in.

    A line ends with ``\n`` alone: a carriage return is the process's own text.

    Args:
        longest: a line of more bytes than this is cut, never within a UTF-8 character. A piece with `CUT` at
            its end has more bytes than that.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the lines that they complete, without the line end."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self._rest + lines[0]
            self._rest = rest
        else:
            self._rest += rest
        if len(self._rest) <= self._longest and len(max(lines, key=len, default=b"")) <= self._longest:
            return lines
        pieces = [piece for line in lines for piece in self._pieces(line)]
        *full, self._rest = self._pieces(self._rest)
        return pieces + full

    @property
    def pending(self) -> int:
        """The bytes of the stream that were taken and are in no line yet."""
        return len(self._rest)

    def end(self) -> list[bytes]:
        """The stream has ended: return the last line if it lacked its end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _pieces(self, line: bytes) -> list[bytes]:
        pieces = []
        while len(line) > self._longest:
            cut = _character_start(line, self._longest)
            pieces.append(line[:cut] + _CUT)
            line = line[cut:]
        return [*pieces, line]


def _character_start(line: bytes, at: int) -> int:
    """Return the start of the UTF-8 character that `at` lies in, or `at` itself where it lies in none."""
    for start in range(at, max(at - 4, 0), -1):
        if line[start] & 0xC0 != 0x80:
            return start
    return at


def text(line: bytes) -> str:
    r"""Return a line as text: UTF-8, with each invalid byte as ``\xNN`` (design: Events)."""
    return line.decode("utf-8", "backslashreplace")


def texts(lines: Sequence[bytes]) -> tuple[str, ...]:
    """Return many lines as `text` does each: at once, which is several times as fast."""
    return tuple(text(b"\n".join(lines)).split("\n")) if lines else ()
