"""What one look showed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from translator.errors import PermanentError, TranslatorError


class Verdict(StrEnum):
    """How a finding is to be taken."""

    FINE = "fine"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        about: what was looked at, such as ``Redis``.
        verdict: a fault keeps the service from its work, a warning from its promise.
        message: what was found.
        remedy: what to do about it; empty where it is fine.
    """

    about: str
    verdict: Verdict
    message: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as JSON data."""
        return {**asdict(self), "verdict": str(self.verdict)}


def fine(about: str, message: str) -> Finding:
    """A finding of what is as it should be."""
    return Finding(about, Verdict.FINE, message)


def warning(about: str, message: str, remedy: str) -> Finding:
    """A finding of what works, but not as one would want."""
    return Finding(about, Verdict.WARNING, message, remedy)


def fault(about: str, message: str, remedy: str) -> Finding:
    """A finding of what does not work."""
    return Finding(about, Verdict.FAULT, message, remedy)


def fault_of(about: str, error: TranslatorError, remedy: str) -> Finding:
    """The finding that an error is; its own remedy goes first."""
    own = error.remedy if isinstance(error, PermanentError) else ""
    return fault(about, error.message, own or remedy)
