"""Runs random tasks on two engines, tells what differs, and makes a task that differs as small as it gets."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given

from tests.differential.comparison import Observed, differences, observed
from tests.differential.generator import RandomTask, tasks
from translator.errors import PermanentError
from translator.service.engine import Engine
from translator.service.template import load_template
from translator.service.trial import Trial
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.translate import translate

LONGEST_S = 900
"""Seconds that a task may take: a pod waits while others run."""

LOCAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of the local engine, so that a developer's own programs do not show."""


class DiffersError(AssertionError):
    """What hypothesis shrinks towards."""


class TimeIsUp(BaseException):
    """Ends the shrinking: hypothesis would go on after an Exception."""


@dataclass
class Side:
    """One engine.

    Attributes:
        engine: started.
        slots: as many tasks at once.
        namespace: where its Workflows run.
    """

    engine: Engine
    slots: asyncio.Semaphore
    namespace: str = "default"

    async def run(self, task: RandomTask) -> Observed:
        """What is told of a task, under an id of its own."""
        task_id = f"differential-{secrets.token_hex(4)}"
        params = json.dumps(task.params)
        parsed = parse_task(
            task.text,
            task_id=task_id,
            agent_id="",
            namespace=self.namespace,
            timeout=task.timeout,
            params=params,
        )
        assert parsed.task is not None, f"the generator made no task: {parsed.problems}\n{task.text}"
        options = Options(layout=task.layout)
        rendered = translate(parsed.task, attempt=1, options=options, template=load_template())
        events: list[Mapping[str, Any]] = []
        async with self.slots, asyncio.timeout(LONGEST_S):
            try:
                await Trial(
                    self.engine, parsed.task, rendered, lambda event: events.append(event.as_json())
                ).run()
            except PermanentError as error:
                return Observed(("refused", error.reason), messages=(error.message,))
        return observed(events)


@dataclass
class Differential:
    """Two engines, and what is known of each task that both ran.

    Attributes:
        local: the local engine.
        cluster: the other one.
        found: by a task's key, its differences.
    """

    local: Side
    cluster: Side
    found: dict[str, Sequence[str]] = field(default_factory=dict)

    async def differences(self, task: RandomTask) -> Sequence[str]:
        """Run a task on both engines, once."""
        if task.key not in self.found:
            sides = await asyncio.gather(self.local.run(task), self.cluster.run(task))
            self.found[task.key] = differences(*sides, mixed=task.mixed)
        return self.found[task.key]


def generate(count: int, seed: int) -> list[RandomTask]:
    """So many different tasks; the same for the same seed, version of hypothesis and generator."""
    made: dict[str, RandomTask] = {}

    def keep(task: RandomTask) -> None:
        made.setdefault(task.key, task)

    _play(keep, count, seed, [Phase.generate])
    return list(made.values())[:count]


def smallest(task: RandomTask, count: int, seed: int, differs: Callable[[RandomTask], bool]) -> RandomTask:
    """The smallest form of a generated task that still differs.

    Args:
        task: one of ``generate(count, seed)``.
        count: as it was generated.
        seed: as it was generated.
        differs: asked of ever smaller forms.
    """
    best = None

    def check(candidate: RandomTask) -> None:
        nonlocal best
        # until hypothesis has come to the task again, all that it makes has passed or is another failure
        if candidate.key == task.key or (best is not None and differs(candidate)):
            best = candidate
            raise DiffersError

    # a task that differs at times only is flaky to hypothesis: the best stays the best
    with suppress(DiffersError, TimeIsUp, hypothesis.errors.Flaky):
        _play(check, count, seed, [Phase.generate, Phase.shrink])
    return best or task


def _play(body: Callable[[RandomTask], None], count: int, seed: int, phases: list[Phase]) -> None:
    settings = hypothesis.settings(
        max_examples=2 * count + 10,  # some come twice
        phases=phases,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(settings(given(tasks())(body)))()


async def compare(
    pair: Differential,
    made: Sequence[RandomTask],
    tell: Callable[[str], None] = lambda _: None,
) -> list[RandomTask]:
    """The tasks that differ, all of them run at once as far as the sides have room."""
    done = 0
    began = time.monotonic()
    failed: list[RandomTask] = []

    async def one(task: RandomTask) -> None:
        nonlocal done
        try:
            found = await pair.differences(task)
        except Exception as error:
            raise RuntimeError(f"cannot be compared: {error!r}\n{task.text}\n{task.command}") from error
        done += 1
        if found:
            failed.append(task)
            tell(f"differs ({done}/{len(made)}):\n  " + "\n  ".join(found))
        elif done % 10 == 0:
            tell(f"{done}/{len(made)} tasks in {time.monotonic() - began:.0f} s, {len(failed)} differ")

    await asyncio.gather(*(one(task) for task in made))
    return failed


async def shrink(pair: Differential, task: RandomTask, count: int, seed: int, seconds: float) -> RandomTask:
    """`smallest`, run on the engines for so many seconds at most (and one task's time)."""
    if seconds <= 0:
        return task
    loop = asyncio.get_running_loop()
    until = time.monotonic() + seconds

    def differs(candidate: RandomTask) -> bool:
        if time.monotonic() > until:
            raise TimeIsUp
        asked: Future[Sequence[str]] = asyncio.run_coroutine_threadsafe(pair.differences(candidate), loop)
        return bool(asked.result())

    return await asyncio.to_thread(smallest, task, count, seed, differs)


def report(pair: Differential, task: RandomTask, seed: int) -> str:
    """A task that differs, for a person."""
    return "\n".join(
        [
            f"seed {seed}: the engines differ ({task.command}):",
            *(f"  {line}" for line in pair.found[task.key]),
            "",
            task.text,
        ]
    )
