"""Secret values in what is told: each becomes ``***`` before anybody sees or stores it.

Masked are the value, each of its lines, and its lines joined by spaces, in the forms that programs print:
as they are, in JSON text, in shell quoting (``bash -x``, ``printf %q``), as Python's repr, percent-encoded,
and as base64 at any place of what was encoded (``user:secret``), also where that is wrapped into lines.
Values shorter than `SHORTEST` are left alone: they would mask half of every log, and hide nothing.

What it costs: each form is looked for once in all lines of an observation together (`str.find`, linear in
both), so a batch without a secret pays no call for a line.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote, quote_plus

from translator.observe.lines import CUT
from translator.observe.observation import LogLines, Observation, PodGone, PodSeen, Verdict, WorkflowSeen

SHORTEST = 4
"""Characters of the shortest value, or line of one, that is masked."""

MASK = "***"

WRAPPED = 64
"""Characters of base64 at the end of a line that may go on in the next: openssl wraps at 64, base64 at 76."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = str.maketrans("+/", "-_")
_FULL = re.compile(rf"[A-Za-z0-9+/_-]{{{WRAPPED}}}")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Core:
    """The characters of base64 that a value alone decides, at one of three alignments.

    Attributes:
        before: what the character before may be, which the value decides in part; empty: there is none.
        after: the same of the character after.
        line_end: all that comes after, where a line end is encoded with it (``echo … | base64``).
        halves: one of them is in one piece, however it is wrapped.
    """

    text: str
    before: str
    after: str
    line_end: str
    halves: tuple[str, str]

    def around(self, text: str, start: int) -> Span:
        """All characters that tell of the value where the core begins at `start`; padding with them."""
        end = start + len(self.text)
        if self.before and start and text[start - 1] in self.before:
            start -= 1
        if text.startswith(self.line_end, end):
            end += len(self.line_end)
        elif self.after and text[end : end + 1] and text[end] in self.after:
            end += 1
        while text[end : end + 1] == "=":
            end += 1
        return start, end


class Mask:
    """Hides some values in the observations of one attempt.

    Args:
        values: what is to be hidden; of none, the mask changes nothing.
    """

    def __init__(self, values: Iterable[str]) -> None:
        exact: set[str] = set()
        cores: dict[str, _Core] = {}
        for value in values:
            texts = _texts(value)
            parts = value.splitlines() if len(value.splitlines()) > 1 else ()
            for text in texts:
                exact |= _spellings(text)
                # of a line among several, what is encoded by itself: a file is encoded as a whole
                cores |= {core.text: core for core in _cores(text, range(1 if text in parts else 3))}
        # the longest first: of what a line's cut leaves, the longest rest counts
        self._exact = sorted(exact, key=lambda form: (-len(form), form))
        self._cores = sorted(cores.values(), key=lambda core: (-len(core.text), core.text))
        self._halves = [(*core.halves, core) for core in self._cores]
        self._longest = max((len(core.text) for core in self._cores), default=0)
        self._everything = False
        self._open: dict[str, tuple[str, ...]] = {}
        self._wrapped: dict[str, str] = {}

    @classmethod
    def of_everything(cls) -> Self:
        """A mask for one whose values nobody knows any more: it leaves nothing of a line or message."""
        mask = cls(())
        mask._everything = True
        return mask

    def text(self, text: str) -> str:
        """The text without the values."""
        if self._everything:
            return MASK if text else text
        if not self._exact:
            return text
        return "\n".join(self._without_values(text.split("\n"), "")[0])

    def observation(self, seen: Observation) -> Observation:
        """The observation without the values in what is told of it: log lines and messages."""
        if not self._exact and not self._everything:
            return seen
        if isinstance(seen, LogLines):
            return replace(seen, lines=self._lines(seen.step, seen.lines))
        if isinstance(seen, Verdict):
            return replace(seen, message=self.text(seen.message))
        if isinstance(seen, (WorkflowSeen, PodSeen, PodGone)):
            return replace(seen, object=self._messages(seen.object))
        return seen

    def _lines(self, step: str, lines: tuple[str, ...]) -> tuple[str, ...]:
        if self._everything:
            return tuple(MASK if line else line for line in lines)
        found: list[str] = []
        whole: list[str] = []
        for line in lines:
            if line.endswith(CUT) or (not whole and step in self._open):
                found += self._whole(step, whole)
                whole = []
                found.append(self._piece(step, line))
            else:
                whole.append(line)
        return (*found, *self._whole(step, whole))

    def _whole(self, step: str, lines: Sequence[str]) -> Sequence[str]:
        """Lines that are told whole; what is wrapped at their end may go on in the next batch."""
        if not lines:
            return lines
        told, wrapped = self._without_values(lines, self._wrapped.pop(step, ""), goes_on=True)
        if wrapped:
            self._wrapped[step] = wrapped
        return told

    def _piece(self, step: str, line: str) -> str:
        """A piece of a line; a value that is cut in two by its end is known by both halves."""
        self._wrapped.pop(step, None)
        rest = next((rest for rest in self._open.pop(step, ()) if line.startswith(rest)), "")
        cut = CUT if line.endswith(CUT) else ""
        text = self.text(line[len(rest) :].removesuffix(cut))
        if cut:
            text = self._without_beginning(step, text)
        return (MASK if rest else "") + text + cut

    def _without_beginning(self, step: str, text: str) -> str:
        """A piece without the beginning of a value at its end; what may follow is kept in mind."""
        forms = [*self._exact, *(core.text for core in self._cores)]
        cuts = [
            (length, form[length:])
            for form in forms
            for length in range(1, len(form))
            if text.endswith(form[:length])
        ]
        if not cuts:
            return text
        self._open[step] = tuple(sorted((rest for _, rest in cuts), key=len, reverse=True))
        return text[: -max(length for length, _ in cuts)] + MASK

    def _without_values(
        self, lines: Sequence[str], before: str, *, goes_on: bool = False
    ) -> tuple[Sequence[str], str]:
        """The lines without the values.

        Args:
            lines: one after the other.
            before: base64 at the end of the line before them, that may go on in the first.
            goes_on: whether more lines may follow.

        Returns:
            The lines, and what the next ones have to know as `before`.
        """
        joined = "\n".join(lines)
        there = [form for form in self._exact if form in joined]
        halved = [core for one, other, core in self._halves if one in joined or other in joined]
        spans = [(at, at + len(form)) for form in there for at in _places(joined, form)]
        spans += [core.around(joined, at) for core in halved for at in _places(joined, core.text)]
        ends_full = goes_on and _is_full(lines[-1])
        if halved or before or ends_full:
            cores = self._cores if before or ends_full else halved
            more, before = self._wrapped_spans(lines, cores, before, goes_on=ends_full)
            spans += more
        return (_masked(joined, spans).split("\n") if spans else lines), before

    def _wrapped_spans(
        self, lines: Sequence[str], cores: Sequence[_Core], before: str, *, goes_on: bool
    ) -> tuple[list[Span], str]:
        """Where values lie, in the lines joined by line ends, that are base64 wrapped into several lines."""
        spans: list[Span] = []
        run, pieces = [before], list[Span]()  # of a piece: its place in the run, and in the joined lines
        full, start, size = bool(before), 0, len(before)
        for line in lines:
            # what goes on may be indented as what it goes on from
            text = line.lstrip() if full else line
            if not full:
                run, pieces, size = [], [], 0
            pieces.append((size, start + len(line) - len(text)))
            run.append(text)
            size += len(text)
            full = _is_full(line)
            if not full and size > len(text):
                spans += _unwrapped("".join(run), pieces, cores)
            start += len(line) + 1
        if not full:
            return spans, ""
        whole = "".join(run)
        spans += _unwrapped(whole, pieces, cores)
        if not goes_on:
            return spans, ""
        begun = max((_begun(whole, core) for core in cores), default=0)
        if begun >= SHORTEST:
            spans += _told_apart(whole, pieces, (size - begun, size))
        return spans, whole[-self._longest :]

    def _messages(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {key: self._message(key, value) for key, value in data.items()}
        return [self._messages(value) for value in data] if isinstance(data, list) else data

    def _message(self, key: str, value: Any) -> Any:
        return self.text(value) if key == "message" and isinstance(value, str) else self._messages(value)


def _places(text: str, form: str) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + 1)


def _masked(text: str, spans: Iterable[Span]) -> str:
    """The text with each span masked; those that overlap are one, those that touch are not."""
    made: list[str] = []
    told = 0
    for start, stop in sorted(spans):
        if start >= told:
            made += (text[told:start], MASK)
        told = max(told, stop)
    return "".join(made) + text[told:]


def _is_full(line: str) -> bool:
    return len(line) >= WRAPPED and _FULL.fullmatch(line, len(line) - WRAPPED) is not None


def _unwrapped(run: str, pieces: Sequence[Span], cores: Sequence[_Core]) -> Iterator[Span]:
    for core in cores:
        for at in _places(run, core.text):
            yield from _told_apart(run, pieces, core.around(run, at))


def _told_apart(run: str, pieces: Sequence[Span], span: Span) -> Iterator[Span]:
    """A span of a run as spans of the lines that it was made of."""
    at = max(0, bisect_right(pieces, (span[0], sys.maxsize)) - 1)
    while at < len(pieces) and pieces[at][0] < span[1]:
        place, shown = pieces[at]
        end = pieces[at + 1][0] if at + 1 < len(pieces) else len(run)
        start, stop = max(span[0], place), min(span[1], end)
        if start < stop:
            yield shown + start - place, shown + stop - place
        at += 1


def _begun(run: str, core: _Core) -> int:
    """How many characters at the run's end the core begins with."""
    most = min(len(core.text) - 1, len(run))
    return next((size for size in range(most, 0, -1) if run.endswith(core.text[:size])), 0)


def _texts(value: str) -> set[str]:
    """A value, each line of it, and its lines joined as a shell does."""
    lines = value.splitlines()
    joined = {" ".join(value.split()), " ".join(lines), "".join(lines)}
    return {text for text in {value, *lines, *joined} if len(text.strip()) >= SHORTEST}


def _spellings(text: str) -> set[str]:
    """A text as it is written by JSON, shells, Python and in URLs."""
    raw = text.encode("utf-8", "surrogatepass")
    found = {text, *_json(text), *_shell(text, raw), *_python(text, raw), *_percent(raw)}
    return {form for form in found if "\n" not in form}


def _json(text: str) -> set[str]:
    ascii_only = json.dumps(text)[1:-1]
    found = {ascii_only, json.dumps(text, ensure_ascii=False)[1:-1]}
    found |= {re.sub(r"\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), each) for each in found}
    # PHP escapes the slash, Go what is markup in HTML
    found |= {each.replace("/", "\\/") for each in found}
    markup = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
    found |= {re.sub("[<>&]", lambda m: markup[m[0]], each) for each in found}
    return found | {json.dumps(each)[1:-1] for each in found}


def _shell(text: str, raw: bytes) -> set[str]:
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\E", "\\": "\\\\", "'": "\\'"}
    octal = {chr(code): f"\\{code:03o}" for code in (*range(32), 127)} | named
    by_bytes = {chr(code): f"\\{code:03o}" for code in (*range(32), *range(127, 256))} | named
    return {
        text.replace("'", "'\\''"),
        text.replace("'", "'\"'\"'"),
        re.sub(r'(["$`\\])', r"\\\1", text),
        re.sub(r"([^A-Za-z0-9_@%+=:,./\x80-\U0010ffff-])", r"\\\1", text),
        "".join(octal.get(char, char) for char in text),
        "".join(by_bytes.get(chr(code), chr(code)) for code in raw),
    }


def _python(text: str, raw: bytes) -> set[str]:
    quotes = "'\""
    found = {
        "".join(char if char in quotes else repr(char)[1:-1] for char in text),
        "".join(char if char in quotes else ascii(char)[1:-1] for char in text),
        "".join(chr(code) if chr(code) in quotes else repr(bytes((code,)))[2:-1] for code in raw),
    }
    # which quote is escaped depends on the rest of what is shown
    return found | {each.replace(mark, "\\" + mark) for each in found for mark in quotes}


def _percent(raw: bytes) -> set[str]:
    # RFC 3986; paths; encodeURIComponent; encodeURI
    found = {quote(raw, safe=safe) for safe in ("", "/", "!*'()", ";,/?:@&=+$!*'()#")}
    found |= {quote_plus(raw), quote_plus(raw, safe="*")}
    return found | {re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), each) for each in found}


def _cores(text: str, offsets: Iterable[int]) -> Iterator[_Core]:
    """What of base64 a text decides by itself, so many bytes (modulo 3) after where the encoding began."""
    raw = text.encode("utf-8", "surrogatepass")
    for offset in offsets:
        padded = base64.b64encode(bytes(offset) + raw + bytes(2)).decode()
        begin, end = -(-8 * offset // 6), 8 * (offset + len(raw)) // 6
        before = _agreeing(padded[begin - 1], 6 * begin - 8 * offset, low=True) if offset else ""
        decided = 8 * (offset + len(raw)) - 6 * end
        after = _agreeing(padded[end], decided, low=False) if decided else ""
        core, line_end = padded[begin:end], base64.b64encode(bytes(offset) + raw + b"\n").decode()[end:]
        for shown in dict.fromkeys((core, core.translate(_URL_SAFE))):
            half = min(len(shown), WRAPPED) // 2
            halves = (shown[:half], shown[half : 2 * half]) if half >= SHORTEST else (shown, shown)
            yield _Core(shown, before, after, line_end, halves)


def _agreeing(char: str, bits: int, *, low: bool) -> str:
    """The characters of base64 whose lowest, or highest, bits are those of one."""
    mask = (1 << bits) - 1 if low else ((1 << bits) - 1) << (6 - bits)
    wanted = _ALPHABET.index(char) & mask
    found = "".join(each for code, each in enumerate(_ALPHABET) if code & mask == wanted)
    return found + "".join(set(found.translate(_URL_SAFE)) - set(found))
