"""What holds of every taskYaml and submission, whoever wrote it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from translator.errors import PermanentError
from translator.service.template import load_template
from translator.task.parse import Parsed, parse_task
from translator.task.problem import Severity
from translator.task.submission import parse_submission
from translator.workflow.options import Options
from translator.workflow.translate import translate

HANG_S = 30
TEMPLATE = load_template()


class HangError(AssertionError):
    """Something did not come to an end."""


@contextmanager
def ending() -> Iterator[None]:
    """What is done here ends within `HANG_S`."""

    def ring(_: int, __: FrameType | None) -> None:
        raise HangError(f"no end within {HANG_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check_document(text: str) -> None:
    """It is read, or every problem has a place, and is one line that a terminal may show."""
    with ending():
        began = time.process_time()
        parsed = parse_task(text, task_id="t1")
        seconds = time.process_time() - began
    assert seconds < 2 + len(text) / 20_000, f"{seconds:.1f} s for {len(text)} characters"
    _check(parsed, text)


def check_submission(task_id: Any, agent_id: Any, args: Any) -> None:
    """The same of a whole submission, in which any part may have any type."""
    with ending():
        parsed = parse_submission(task_id, agent_id, args)
    _check(parsed, "")


def _check(parsed: Parsed, text: str) -> None:
    errors = [problem for problem in parsed.problems if problem.severity is Severity.ERROR]
    assert (parsed.task is None) == bool(errors)
    lines = (
        text.count("\n")
        + text.count("\r")
        + text.count("\x85")
        + text.count("\u2028")
        + text.count("\u2029")
        + 1
    )
    for problem in parsed.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert not text or problem.line <= lines, (problem, lines)
        assert problem.message
        assert problem.text("f").isprintable(), problem
        assert len(problem.message) < 2000, problem
        parsed.locate(problem.path)
    if parsed.task is None:
        return
    with ending():
        try:
            rendered = translate(parsed.task, attempt=1, options=Options(), template=TEMPLATE)
        except PermanentError as error:
            refused = str(error.message)
        else:
            refused = ""
            for each in rendered.objects():
                json.dumps(each, allow_nan=False)
    # the policy, and Workflows that Kubernetes would not take, are judged after the text
    assert refused.isprintable() or "\n" in refused


def check_linear(beginning: str, part: str, end: str, size: int = 20_000) -> None:
    """Twice as much of the same takes at most 2.3 times as long (and a little)."""
    count = max(1, size // len(part)) if part else 1
    for tries in (1, 3, 9):
        once, twice = (_seconds(beginning + part * times + end, tries) for times in (count, 2 * count))
        if twice <= 2.3 * max(once, 0.02):
            return
    raise AssertionError(f"{once:.3f} s, and {twice:.3f} s for twice as much of {part!r} after {beginning!r}")


def _seconds(text: str, tries: int) -> float:
    best = float("inf")
    for turn in range(tries):
        began = time.process_time()
        with ending():
            parse_task(text + " " * turn, task_id="t1")  # a text that was read before is remembered
        best = min(best, time.process_time() - began)
    return best
