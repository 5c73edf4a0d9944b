"""From bytes to text that a YAML reader may be given: size, encoding, characters."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from translator.task.problem import Problem, Severity

MAX_BYTES = 1 << 20
"""A taskYaml may have 1 MiB: a Workflow must stay well below etcd's limit of 1.5 MiB."""

# YAML 1.1's printable characters, section 5.1, less the byte order mark in mid-text
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]",
)
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


def decode(source: str | bytes) -> str | Problem:
    """The document's text without a byte order mark, or the one problem that keeps it from being read."""
    if isinstance(source, bytes):
        if len(source) > MAX_BYTES:
            return _too_large()
        if source.startswith((b"\xff\xfe", b"\xfe\xff")):
            return _problem(1, 1, "the text is UTF-16", "save it as UTF-8", "bad-encoding")
        try:
            text = source.decode()
        except UnicodeDecodeError as error:
            line, column = _position(source[: error.start].decode(), error.start)
            message = f"byte 0x{source[error.start]:02x} is not valid UTF-8"
            return _problem(line, column, message, "save the text as UTF-8", "bad-encoding")
    else:
        text = source
        size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        if size > MAX_BYTES:
            return _too_large()
    text = text.removeprefix("\ufeff")
    bad = _UNPRINTABLE.search(text)
    if bad:
        line, column = _position(text, bad.start())
        message = f"character U+{ord(bad[0]):04X} is not allowed in YAML"
        return _problem(line, column, message, 'remove it, or write it as an escape in "…"', "bad-character")
    return text


_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_PAIR = 12
"""Characters of an escaped pair of surrogates."""


class Columns:
    """Where a character stood before `joined_pairs` made one character of some escapes before it.

    Args:
        joined: by line, counted from 0, the columns of those characters, counted from 0 too.
    """

    def __init__(self, joined: Mapping[int, Sequence[int]]) -> None:
        self._joined = joined

    def written(self, line: int, column: int) -> int:
        """The column in the text as it was written."""
        return column + (_PAIR - 1) * bisect_left(self._joined.get(line, ()), column)


def joined_pairs(text: str) -> tuple[str, Columns]:
    r"""A JSON document with each ``\ud83d\ude80`` as the character that it is.

    JSON writes a character beyond U+FFFF as two escapes, which plain JSON libraries do for an emoji and for
    rare Chinese characters. YAML has no such escapes; other text than JSON stays as it is.
    """
    if "\\u" not in text or not text.lstrip().startswith("{") or not _is_json(text):
        return text, Columns({})
    joined: dict[int, list[int]] = {}
    parts: list[str] = []
    line = column = end = 0
    for escape in _ESCAPE.finditer(text):
        if escape[1] is None:
            continue
        between = text[end : escape.start()]
        parts.append(between)
        lines = _LINE_END.split(between)
        line, column = line + len(lines) - 1, len(lines[-1]) + (column if len(lines) == 1 else 0)
        joined.setdefault(line, []).append(column)
        parts.append(chr(0x10000 + ((int(escape[1], 16) - 0xD800) << 10) + int(escape[2], 16) - 0xDC00))
        column, end = column + 1, escape.end()
    return "".join([*parts, text[end:]]), Columns(joined)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _position(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    lines = _LINE_END.split(before)
    return len(lines), len(lines[-1]) + 1


def _too_large() -> Problem:
    return _problem(
        1,
        1,
        f"the document has more than {MAX_BYTES} bytes",
        "put large scripts and data into the image or a volume",
        "too-large",
    )


def _problem(line: int, column: int, message: str, hint: str, code: str) -> Problem:
    return Problem(Severity.ERROR, "", line, column, message, hint, code)
