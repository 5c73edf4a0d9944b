"""Fuzzes the parser of taskYamls and submissions: ``./just fuzz --minutes N --seed S``.

Exit code 1 where something crashes, hangs or takes more than linear time; the smallest such input is printed.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.documents import documents, repeated, submissions
from tests.fuzz.properties import check_document, check_linear, check_submission

CHECKS: dict[str, tuple[Callable[..., None], st.SearchStrategy[Any], int]] = {
    "documents": (check_document, documents.map(lambda text: (text,)), 300),
    "submissions": (check_submission, submissions(), 300),
    "linear": (check_linear, repeated, 30),
}
"""By name: what is checked, with what, and how many of it in a round."""


def main(minutes: float, first: int) -> int:
    """Fuzz, round after round, each with a seed of its own."""
    until = time.monotonic() + minutes * 60
    counts = dict.fromkeys(CHECKS, 0)
    number = first
    failed: set[str] = set()
    while time.monotonic() < until and len(failed) < len(CHECKS):
        for name, (check, inputs, examples) in CHECKS.items():
            if name not in failed and not _round(name, check, inputs, examples, number, counts):
                failed.add(name)
        number += 1
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    ended = f"FAILED: {', '.join(sorted(failed))}" if failed else "no fault"
    print(f"seeds {first} to {number - 1}: {told}; {ended}")
    return 1 if failed else 0


def _round(
    name: str,
    check: Callable[..., None],
    inputs: st.SearchStrategy[Any],
    examples: int,
    number: int,
    counts: dict[str, int],
) -> bool:
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(inputs)
    def tried(given_: tuple[Any, ...]) -> None:
        counts[name] += 1
        check(*given_)

    try:
        tried()
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        print(f"seed {number}, {name}:")
        traceback.print_exc(file=sys.stdout)
        return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="just fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    given_options = parser.parse_args()
    sys.exit(main(given_options.minutes, given_options.seed))
