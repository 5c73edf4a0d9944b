"""From bytes to text that a YAML reader may be given: size, encoding, characters."""

from __future__ import annotations

import re

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
