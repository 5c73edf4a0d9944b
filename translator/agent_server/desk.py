"""What the API shows of tasks and can do to them, besides taking them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from translator.agent_server.protocol import Answer

Place = tuple[int, int]
"""An event's attempt and seq; what comes after it is read."""

START: Final[Place] = (0, 0)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is served.

    Attributes:
        event: as agent-server gets it.
        place: after which the next one follows.
        dropped: it is a gap, in the place of log events that are no longer kept: from its seq to `place`.
    """

    event: Mapping[str, Any]
    place: Place
    dropped: bool = False


class Change(Protocol):
    """Is set when a task has changed (as `asyncio.Event`)."""

    def clear(self) -> None:
        """Forget the changes so far."""

    async def wait(self) -> Any:
        """Wait for a change."""


class Desk(Protocol):
    """Knows the tasks: the service.

    Every method may raise `TemporaryError`: it cannot say now.
    """

    async def tasks(
        self, before: float | None, limit: int, phase: str
    ) -> tuple[list[dict[str, Any]], float | None]:
        """Tasks, the last accepted first, each in short; and where the next page begins, None at the end."""

    async def task(self, task_id: str) -> dict[str, Any] | None:
        """All about one task, None where it is not known."""

    async def events(self, task_id: str, after: Place, limit: int) -> list[Told]:
        """The events that are kept after a place, in order; lines that are no longer kept are a gap."""

    def watch(self, task_id: str) -> AbstractContextManager[Change]:
        """Sets an event whenever the task changes, as long as the context lasts."""

    async def manifest(self, task_id: str) -> list[Mapping[str, Any]] | None:
        """The objects of the task's attempt; None where it is not known.

        Raises:
            PermanentError: this version cannot translate what an earlier one accepted.
        """

    async def terminate(self, task_id: str) -> Answer:
        """Cancel a task; see `translator.agent_server.protocol.Answer`."""

    async def retry(self, task_id: str) -> Answer:
        """Run an ended task again, as a new attempt."""

    async def dead_letters(self) -> list[dict[str, Any]]:
        """The tasks whose events agent-server refused for good, and why."""

    async def replay(self, task_id: str) -> bool:
        """Send a refused task's events again; False where there is nothing refused of it."""

    async def metrics(self) -> bytes:
        """The figures, in Prometheus' text format."""


def parse_place(text: str) -> Place:
    """A place as it stands in a query.

    Raises:
        ValueError: it is none.
    """
    attempt, dash, seq = text.partition("-")
    if not (dash and text.isascii() and attempt.isdecimal() and seq.isdecimal() and len(text) <= 24):
        raise ValueError(f"{text[:40]!r} is no place such as 1-12: an attempt and a seq")
    return int(attempt), int(seq)


def place_text(place: Sequence[int]) -> str:
    """A place as it stands in an answer."""
    return "-".join(str(part) for part in place)
