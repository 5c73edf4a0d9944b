"""How the local engine says that it cannot run a manifest truthfully, before it runs any of it."""

from __future__ import annotations

from dataclasses import dataclass

from translator.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that differs here from a cluster, said once, before the run.

    Attributes:
        step: the step's name, or empty for the whole Workflow.
        message: one sentence without a full stop.
    """

    step: str
    message: str

    def __str__(self) -> str:
        return f"{self.step}: {self.message}" if self.step else self.message


def refused(
    where: str, message: str, *, reason: str = "NotRunnableHere", remedy: str = "run it on a cluster"
) -> PermanentError:
    """The error that refuses a manifest.

    Args:
        where: the step, or the field of the manifest.
        message: what cannot be done, continuing the sentence that `where` begins.
        reason: named constant for events.
        remedy: one line that says what helps.
    """
    return PermanentError(f"{where}: {message}" if where else message, reason=reason, remedy=remedy)
