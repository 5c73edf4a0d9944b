"""Where tasks go, whichever way they come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from translator.agent_server.protocol import Answer, Refusal, TaskItem, parse_batch


class Intake(Protocol):
    """Where tasks go: the service."""

    async def submit(self, items: Sequence[TaskItem]) -> list[Answer]:
        """Take tasks, each on its own; what is answered ``accepted`` is durable.

        Returns:
            One answer for each item, in their order.

        Raises:
            TemporaryError: they cannot be stored now; nothing of the batch is answered, and sending it again
                is harmless: what was stored already is then a duplicate.
        """


async def submit_batch(intake: Intake, data: object) -> list[Answer]:
    """Take a batch as it came over the wire.

    Returns:
        One answer for each item, in their order; those at fault never reach the intake.

    Raises:
        MalformedError: it is no batch.
        TemporaryError: the intake cannot store it now.
    """
    entries = parse_batch(data)
    items = [entry for entry in entries if isinstance(entry, TaskItem)]
    answers = iter(await intake.submit(items) if items else ())
    return [entry.answer() if isinstance(entry, Refusal) else next(answers) for entry in entries]
