"""What turns a placed container into something to start, here or through a container program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from translator.engine.local.expansion import expand
from translator.engine.local.placement import Placement
from translator.engine.local.plan import Container, Output, Plan
from translator.engine.local.process import Invocation
from translator.engine.local.refusal import Notice
from translator.engine.local.templating import fill_inputs


@dataclass(frozen=True, slots=True)
class Ready:
    """A container with all that it needs in place.

    Attributes:
        name: unique on this machine, for runners that name containers.
        inputs: the values of its template's input parameters.
    """

    container: Container
    placement: Placement
    name: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    def variables(self, move: Callable[[str], str] = str) -> dict[str, str]:
        """Its environment as Kubernetes makes it: in order, each value seeing those before it.

        Args:
            move: rewrites each value before it is expanded.
        """
        made: dict[str, str] = {}
        for variable in self.container.env:
            value = move(fill_inputs(variable.value, self.inputs) if variable.expands else variable.value)
            made[variable.name] = expand(value, made) if variable.expands else value
        return made

    def words(self, variables: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Its command and its arguments, expanded."""
        return (
            tuple(expand(fill_inputs(word, self.inputs), variables) for word in self.container.command),
            tuple(expand(fill_inputs(word, self.inputs), variables) for word in self.container.args),
        )


class Runner(Protocol):
    """Starts containers in one way."""

    async def start(self) -> None:
        """Find out what this machine offers.

        Raises:
            TemporaryError: a program or daemon that it needs cannot be reached.
        """

    def private(self, container: Container, outputs: Sequence[Output]) -> list[str]:
        """The paths at which a container needs a folder of its own, unless something is mounted there."""

    def examine(self, plan: Plan) -> list[Notice]:
        """What will differ from a cluster.

        Raises:
            PermanentError: a step cannot be run truthfully.
        """

    async def prepare(self, container: Container) -> str:
        """Make ready what may take time (pull the image); an empty text, or what went wrong."""

    def invocation(self, ready: Ready) -> Invocation | str:
        """What to start, or the program that is not there."""
