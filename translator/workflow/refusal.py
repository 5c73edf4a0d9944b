"""Why a valid task cannot become a Workflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from translator.errors import PermanentError
from translator.task.parse import Parsed
from translator.task.problem import Problem

POLICY_CODE = "policy-"
"""How the codes of the policy's faults begin."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason; `translator.task.parse.Parsed.place` finds its line.

    Attributes:
        path: where in the taskYaml, as ``taskSpec.steps[0].image``.
        message: what is wrong, in one sentence without a full stop.
        hint: what would be right.
        code: stable kebab-case name of the rule.
    """

    path: str
    message: str
    hint: str
    code: str


def not_allowed(path: str, message: str, key: str, code: str) -> Fault:
    """What a task asks for, and the policy's list `key` does not have; `code` without `POLICY_CODE`."""
    return Fault(path, message, f"policy.{key} says which are allowed", POLICY_CODE + code)


def placed(parsed: Parsed, faults: Iterable[Fault]) -> tuple[Problem, ...]:
    """The task's problems and its faults, in order of position."""
    found = [parsed.place(fault.path, fault.message, fault.hint, fault.code) for fault in faults]
    return tuple(sorted([*parsed.problems, *found], key=lambda problem: (problem.line, problem.column)))


class Untranslatable(PermanentError):  # noqa: N818  # its base says that it is an error
    """The task is valid, but no Workflow can do what it says.

    Args:
        faults: all of them; at least one.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        first = self.faults[0]
        super().__init__(
            f"{first.path}: {first.message}",
            reason="InvalidTask",
            remedy="mend the problems listed and submit the task again",
        )


class PolicyViolation(Untranslatable):  # as above
    """The operator's policy forbids what the task says, or what the Workflow would be."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__(faults)
        first = self.faults[0]
        self.message = f"{first.path}: {first.message} ({first.hint})"
        self.args = (self.message,)
        self.reason = "PolicyViolation"


class Faults:
    """Collects the faults of one translation, so that the user sees all at once."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def add(self, path: str, message: str, hint: str, code: str) -> None:
        """Note one fault; the same fault twice counts once."""
        self.note(Fault(path, message, hint, code))

    def note(self, fault: Fault) -> None:
        """Note a fault that another rule has found."""
        if fault not in self._found:
            self._found.append(fault)

    @property
    def found(self) -> tuple[Fault, ...]:
        """All that were noted."""
        return tuple(self._found)

    def check(self) -> None:
        """Raise `Untranslatable` if there is any fault, `PolicyViolation` where all are the policy's."""
        if not self._found:
            return
        if all(fault.code.startswith(POLICY_CODE) for fault in self._found):
            raise PolicyViolation(self._found)
        raise Untranslatable(self._found)
