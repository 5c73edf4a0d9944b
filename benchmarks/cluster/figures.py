"""Prints figures, each with its target, and remembers whether all were kept."""

from __future__ import annotations

from collections.abc import Sequence


class Report:
    """What was measured so far."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def figure(self, name: str, value: float, target: float, *, unit: str = "x") -> None:
        """Print a figure that may be at most its target."""
        kept = value <= target
        if not kept:
            self.missed.append(name.strip())
        shown = f"{value:,.0f}" if unit in ("", "MB") else f"{value:,.2f}"
        print(f"{name:<56}{shown:>9} {unit:<3} target {target:g}: {'kept' if kept else 'MISSED'}", flush=True)

    def note(self, text: str) -> None:
        """Print what a figure is to be read with."""
        print(text, flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]
