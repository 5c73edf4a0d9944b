"""Prints what masking costs a line, by secrets and by kinds of text; twice the text takes at most 2.3 times.

Exit code 1 where it grows faster, or where a line of 100 characters takes more than 20 µs with one secret.
"""

from __future__ import annotations

import random
import string
import sys
import time

from translator.observe.masking import Mask
from translator.observe.observation import LogLines

LINES = 1000
MOST = 2.3
MOST_US = 20.0

_chance = random.Random(1)
_WORDS = ["build", "INFO", "error", "2026-11-29T03:00:01Z", "src/main.c", "warning:", "200", "GET", "/api"]
_BASE64 = string.ascii_letters + string.digits + "+/"
_KEY = "\n".join("".join(_chance.choices(_BASE64, k=70)) for _ in range(40))
_SECRETS = {
    "one secret": ["hunter2-hunter2"],
    "five secrets": ["".join(_chance.choices(string.printable[:90], k=24)) for _ in range(5)],
    "a key of 40 lines": [_KEY],
    "100 secrets": ["".join(_chance.choices(_BASE64, k=24)) for _ in range(100)],
    "beginnings": ["a" * 500 + "b"],
}
_TEXTS = {
    "text": lambda: " ".join(_chance.choices(_WORDS, k=14)),
    "base64": lambda: "".join(_chance.choices(_BASE64, k=76)),
    "aaa": lambda: "a" * 100,
}


def main() -> None:
    """Measure and print."""
    missed = False
    print(f"{'µs a line':<20}" + "".join(f"{name:>10}" for name in _TEXTS) + f"{'growth':>10}{'alone':>10}")
    for name, values in _SECRETS.items():
        mask = Mask(values)
        figures, growth = [], 0.0
        for make in _TEXTS.values():
            lines = tuple(make() for _ in range(LINES))
            once, twice = (_seconds(mask, lines * times) for times in (1, 2))
            figures.append(once / LINES * 1e6)
            growth = max(growth, twice / once)
        text = tuple(_TEXTS["text"]() for _ in range(LINES))
        alone = min(_alone(mask, text) for _ in range(5)) / LINES * 1e6
        bad = growth > MOST or (name == "one secret" and figures[0] > MOST_US)
        missed |= bad
        row = "".join(f"{figure:>10.2f}" for figure in (*figures, growth, alone))
        print(f"{name:<20}{row}" + ("   MISSED" if bad else ""))
    sys.exit(1 if missed else 0)


def _seconds(mask: Mask, lines: tuple[str, ...]) -> float:
    """The least of many: of one observation with all the lines."""
    best = float("inf")
    for _ in range(9):
        start = time.process_time()
        mask.observation(LogLines("step", lines, {}))
        best = min(best, time.process_time() - start)
    return best


def _alone(mask: Mask, lines: tuple[str, ...]) -> float:
    """Of observations with one line each."""
    start = time.process_time()
    for line in lines:
        mask.observation(LogLines("step", (line,), {}))
    return time.process_time() - start


if __name__ == "__main__":
    main()
