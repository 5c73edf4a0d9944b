"""Shows a task's events to a person as they come, as `translator run` and `translator demo` do.

On a terminal: log lines with their step's name in colour, and below them the steps with their states, kept up
to date. Otherwise plain text: log lines (``step1 | text``) are data and go to stdout; states, gaps and the
table of steps at the end go to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.cells import cell_len, set_cell_size

from translator.cli.terminal import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

Fact = Mapping[str, Any]
"""An event as agent-server gets it (`translator.observe.event.Event.as_json`)."""

_STYLES = {
    "Succeeded": "green",
    "Running": "cyan",
    "Pending": "dim",
    "Skipped": "dim",
    "Cancelled": "yellow",
}
_COLOURS = ("blue", "magenta", "cyan", "green", "yellow", "bright_blue", "bright_magenta", "bright_cyan")


class Display(Protocol):
    """Shows one task; a context manager, so that a terminal is left in order."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Stop to show."""

    def say(self, text: str) -> None:
        """Show a remark that is no event."""

    def show(self, event: Fact) -> None:
        """Show an event; the final status shows the table of steps."""


def open_display(steps: list[str]) -> Display:
    """A display that suits where stdout goes.

    Args:
        steps: the steps' names, in the task's order.
    """
    return LiveDisplay(steps) if sys.stdout.isatty() else PlainDisplay(steps)


class PlainDisplay:
    """Plain lines, for files, pipes and CI."""

    def __init__(self, steps: list[str]) -> None:
        self._width = max(map(cell_len, steps), default=0)
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Show a remark on stderr."""
        print(shown(text, sys.stderr), file=sys.stderr, flush=True)

    def show(self, event: Fact) -> None:
        """Show an event."""
        match event["kind"]:
            case "log":
                name = set_cell_size(event["step"], self._width)
                sys.stdout.write("".join(f"{name} | {line}\n" for line in event["lines"]))
                sys.stdout.flush()
            case "status" if "steps" in event:
                self.say(status_text(event))
                self._table(event["steps"])
            case "status" if event["phase"] != self._phase:
                self._phase = event["phase"]
                self.say(status_text(event))
            case "step":
                self.say(step_text(event))
            case "gap":
                self.say(gap_text(event))

    def _table(self, steps: list[Fact]) -> None:
        from rich.console import Console

        width = None if sys.stderr.isatty() else 120
        Console(stderr=True, no_color=True, highlight=False, width=width).print(step_table(steps))


class LiveDisplay:
    """Log lines above, the steps' states below, on a terminal."""

    def __init__(self, steps: list[str]) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False)
        self._steps: dict[str, Fact] = {name: {"name": name, "phase": "Pending"} for name in steps}
        self._width = max(map(cell_len, steps), default=0)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(
            console=self._console, get_renderable=self._table, refresh_per_second=8, transient=True
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def say(self, text: str) -> None:
        """Show a remark above the steps."""
        self._say(text, "dim")

    def show(self, event: Fact) -> None:
        """Show an event."""
        match event["kind"]:
            case "log":
                self._lines(event)
            case "status" if "steps" in event:
                self._steps = {step["name"]: step for step in event["steps"]}
                self._stop()
                self._console.print(self._table())
                self._say(status_text(event), _style(event["phase"]))
            case "step":
                self._steps[event["name"]] = event
                if event["phase"] == "Failed":
                    self._say(step_text(event), "red")
            case "gap":
                self._say(gap_text(event), "yellow")

    def _say(self, text: str, style: str) -> None:
        self._console.print(shown(text, self._console.file), style=style, markup=False)

    def _lines(self, event: Fact) -> None:
        from rich.text import Text

        names = list(self._steps)
        step = event["step"]
        colour = _COLOURS[names.index(step) % len(_COLOURS)] if step in names else "white"
        text = Text()
        for line in event["lines"]:
            # only colours are taken over from a line: other control sequences could rewrite the screen
            text.append(f"{set_cell_size(step, self._width)} | ", style=colour).append_text(
                Text.from_ansi(line)
            ).append("\n")
        self._console.print(text, end="", soft_wrap=True)

    def _table(self) -> Table:
        return step_table(list(self._steps.values()))

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def step_table(steps: list[Fact]) -> Table:
    """The steps, each with its phase, exit code, duration and reason."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    stream = sys.stdout if sys.stdout.isatty() else sys.stderr
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("STEP", "PHASE", "EXIT", "SECONDS", "WHY"):
        table.add_column(
            column, justify="right" if column in ("EXIT", "SECONDS") else "left", overflow="fold"
        )
    for step in steps:
        phase = step["phase"]
        table.add_row(
            Text(step["name"]),
            Text(phase, style=_style(phase)),
            str(step.get("exitCode", "")),
            _seconds(step),
            Text(shown(_why(step), stream)),
        )
    return table


def status_text(event: Fact) -> str:
    """A status in one line, with the remedy in a second where there is one."""
    why = _why(event)
    text = f"task {event['taskId']}: {event['phase']}" + (f": {why}" if why else "")
    return f"{text}\n  {event['remedy']}" if event.get("remedy") else text


def step_text(event: Fact) -> str:
    """A step's state in one line."""
    why = _why(event)
    code = f" (exit code {event['exitCode']})" if event.get("exitCode") and not why else ""
    return f"{event['name']}: {event['phase']}{code}" + (f": {why}" if why else "")


def gap_text(event: Fact) -> str:
    """A gap in a log in one line."""
    count = f"{event['missing']} lines" if event.get("missing") else "lines"
    return f"{event['step']}: {count} missing: {event['why']}"


def _why(fact: Fact) -> str:
    return ": ".join(text for text in (fact.get("reason", ""), fact.get("message", "")) if text)


def _seconds(step: Fact) -> str:
    if not step.get("startedAt") or not step.get("finishedAt"):
        return ""
    taken = datetime.fromisoformat(step["finishedAt"]) - datetime.fromisoformat(step["startedAt"])
    return f"{taken.total_seconds():.2f}"


def _style(phase: str) -> str:
    return _STYLES.get(phase, "red")
