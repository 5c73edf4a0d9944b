"""Secret values in what is told: each becomes ``***`` before anybody sees or stores it.

Masked are the value as it is, each of its lines, and both as base64 and as URL-encoded text. Values shorter
than `SHORTEST` are left alone: they would mask half of every log, and hide nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Self
from urllib.parse import quote, quote_plus

from translator.observe.lines import CUT
from translator.observe.observation import LogLines, Observation, PodGone, PodSeen, Verdict, WorkflowSeen

SHORTEST = 4
"""Characters of the shortest value, or line of one, that is masked."""

MASK = "***"


class Mask:
    """Hides some values in the observations of one attempt.

    Args:
        values: what is to be hidden; of none, the mask changes nothing.
    """

    def __init__(self, values: Iterable[str]) -> None:
        # the longest first, so that no shorter one leaves a rest of it
        self._forms = sorted({form for value in values for form in _forms(value)}, key=lambda f: (-len(f), f))
        self._pattern = re.compile("|".join(map(re.escape, self._forms))) if self._forms else None
        self._open: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of_everything(cls) -> Self:
        """A mask for one whose values nobody knows any more: it leaves nothing of a line or message."""
        mask = cls(())
        mask._pattern = re.compile(".+", re.DOTALL)
        return mask

    def text(self, text: str) -> str:
        """The text without the values."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def observation(self, seen: Observation) -> Observation:
        """The observation without the values in what is told of it: log lines and messages."""
        if self._pattern is None:
            return seen
        if isinstance(seen, LogLines):
            return replace(seen, lines=self._lines(seen.step, seen.lines))
        if isinstance(seen, Verdict):
            return replace(seen, message=self.text(seen.message))
        if isinstance(seen, (WorkflowSeen, PodSeen, PodGone)):
            return replace(seen, object=self._messages(seen.object))
        return seen

    def _lines(self, step: str, lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._line(step, line) for line in lines)

    def _line(self, step: str, line: str) -> str:
        """One line; a value that is cut in two by the end of a piece is known by both halves."""
        rest = next((rest for rest in self._open.pop(step, ()) if line.startswith(rest)), "")
        cut = CUT if line.endswith(CUT) else ""
        text = self.text(line[len(rest) :].removesuffix(cut))
        if cut:
            text = self._without_beginning(step, text)
        return (MASK if rest else "") + text + cut

    def _without_beginning(self, step: str, text: str) -> str:
        """A piece without the beginning of a value at its end; what may follow is kept in mind."""
        cuts = [
            (length, form[length:])
            for form in self._forms
            for length in range(1, len(form))
            if text.endswith(form[:length])
        ]
        if not cuts:
            return text
        self._open[step] = tuple(sorted((rest for _, rest in cuts), key=len, reverse=True))
        return text[: -max(length for length, _ in cuts)] + MASK

    def _messages(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {key: self._message(key, value) for key, value in data.items()}
        return [self._messages(value) for value in data] if isinstance(data, list) else data

    def _message(self, key: str, value: Any) -> Any:
        return self.text(value) if key == "message" and isinstance(value, str) else self._messages(value)


def _forms(value: str) -> set[str]:
    plain = {text for text in (value, *value.splitlines()) if len(text.strip()) >= SHORTEST}
    found = set(plain)
    for text in plain:
        encoded = base64.b64encode(text.encode()).decode()
        found |= {encoded, encoded.rstrip("="), base64.urlsafe_b64encode(text.encode()).decode()}
        found |= {quote(text, safe=""), quote(text), quote_plus(text)}
    # what printing with a line end encodes (echo … | base64)
    found |= {base64.b64encode(f"{text}\n".encode()).decode() for text in plain}
    return {form for form in found if "\n" not in form}
