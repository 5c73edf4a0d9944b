"""What the YAML parser says about text that is no YAML, as a problem at the place of the fault.

The parser tells where it gave up, which is often a line or more after the fault.
"""

from __future__ import annotations

import re

from yaml.error import MarkedYAMLError, YAMLError

from translator.task.finding import printable
from translator.task.problem import Problem, Severity

# libyaml's own words (scanner.c, parser.c), and what usually lies behind them
_HINTS = (
    ("cannot start any token", "indent with spaces, not tabs; quote text that begins with @, ` or %"),
    ("mapping values are not allowed", "quote text that holds ': ', or check the indentation"),
    ("unknown escape", "write \\\\ for a backslash, or use single quotes"),
    ("unexpected end of stream", "the quote that begins here is not closed"),
    ("invalid Unicode character escape", "write the character itself; half of a pair of escapes is none"),
    ("not find expected", "check the indentation, and quotes and brackets that are not closed"),
)

_NO_SPACE = re.compile(
    r"^(?P<before>[ ]*(?:-[ ]+)*)(?P<key>[A-Za-z_][\w.-]{0,62})"
    r"(?::(?P<space>[\u00a0\u1680\u2000-\u200d\u202f\u205f\u3000\ufeff])|(?P<colon>[\uff1a\ufe55])|:(?=[^\s:/]))"
)
"""A key whose colon is not followed by a space, at the beginning of a line."""

_NAMES = {
    "\u00a0": "a no-break space (U+00A0)",
    "\u3000": "an ideographic space (U+3000)",
    "\uff1a": "a full-width colon (U+FF1A)",
}

_LOOK_BACK = 3
"""Lines: a scalar that swallowed the next ones ends where one of them has a colon."""


def syntax_problem(error: YAMLError, text: str) -> Problem:
    """The parser's complaint, with a hint for the common mistakes; at a key without a space, that is told.

    Args:
        error: the parser's.
        text: the document.
    """
    if not isinstance(error, MarkedYAMLError):
        return Problem(Severity.ERROR, "", 1, 1, printable(str(error)), "", "yaml-syntax")
    complaint = error.problem or "the text is not YAML"
    message = f"{complaint} {error.context}" if error.context else complaint
    hint = next((hint for words, hint in _HINTS if words in complaint), "")
    mark = error.problem_mark
    if error.context_mark is not None and (
        "unexpected end of stream" in complaint or "simple key" in (error.context or "")
    ):
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    # libyaml puts the end of a text behind a line end that the text may not have
    lines = (text + "|").splitlines()
    if line > len(lines):
        line, column = len(lines), len(lines[-1])
    if "simple key" in (error.context or "") or "mapping values are not allowed" in complaint:
        missing = _missing_space(text, line)
        if missing is not None:
            return missing
    return Problem(Severity.ERROR, "", line, column, printable(message), hint, "yaml-syntax")


def missing_space(written: str) -> tuple[str, str] | None:
    """A message and a hint for text that was meant to be ``key: value``, and is not; None for any other."""
    found = _NO_SPACE.match(written)
    if found is None:
        return None
    key, odd = found["key"], found["space"] or found["colon"]
    if odd:
        name = _NAMES.get(odd, f"the character U+{ord(odd):04X}")
        where = "after the colon of" if found["space"] else "after"
        return f"{name} stands {where} {key}, not ': '", f"write {key}: with a plain colon and a plain space"
    value = printable(written[found.end() :].strip()[:40])
    return f"the colon of {key} has no space after it", f"write {key}: {value}"


def _missing_space(text: str, line: int) -> Problem | None:
    """The nearest line at or before one, no blank line between, with a key that lacks its space."""
    lines = text.splitlines()[:line]
    for number in range(len(lines), max(len(lines) - _LOOK_BACK, 0), -1):
        if not lines[number - 1].strip():
            return None
        said = missing_space(lines[number - 1])
        if said is not None:
            found = _NO_SPACE.match(lines[number - 1])
            column = len(found["before"]) + 1 if found else 1
            return Problem(Severity.ERROR, "", number, column, *said, "missing-space")
    return None
