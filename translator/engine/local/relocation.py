"""Where a path cannot be mounted at its place: the paths that a step is told, moved to where they lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Relocation:
    """Rewrites text that equals a moved path or begins with it and a slash.

    Args:
        moved: (path in the container, path here).
        kept: paths here below which nothing is moved again.
    """

    def __init__(self, moved: Iterable[tuple[str, Path]], kept: Path) -> None:
        self._moved = sorted(moved, key=lambda pair: len(pair[0]), reverse=True)
        self._kept = str(kept)

    def __call__(self, text: str) -> str:
        """The text, moved where it has to be."""
        if text.startswith(self._kept):
            return text
        for target, source in self._moved:
            if text == target or text.startswith(target.rstrip("/") + "/"):
                return str(source) + text[len(target.rstrip("/")) :]
        return text

    def mentioned(self, text: str) -> list[str]:
        """The moved paths that a text mentions anywhere; a script's text is never rewritten."""
        return [target for target, _ in self._moved if target in text]
