"""What a link's state machine asks of whoever runs it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from translator.agent_server.protocol.frames import AgentHello, ServerHello

Key = tuple[str, int]
"""An attempt: (taskId, attempt)."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request of the other side; an answer to one of an earlier connection goes nowhere."""

    connection: int
    number: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection with this close code; then tell the machine that it is lost."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """Agent: the server has said hello; frames flow."""

    hello: ServerHello


@dataclass(frozen=True, slots=True)
class Greeted:
    """Server: an agent has said hello; `ServerLink.welcome` answers it."""

    hello: AgentHello


@dataclass(frozen=True, slots=True)
class TasksCame:
    """Agent: tasks to store; `AgentLink.answer` or `AgentLink.postpone` answers."""

    ticket: Ticket
    items: Sequence[Any]


@dataclass(frozen=True, slots=True)
class AgentDrains:
    """Server: the agent is about to stop, and wants no more tasks."""


@dataclass(frozen=True, slots=True)
class TasksAnswered:
    """Server: the agent has answered the tasks with these references, one answer for each."""

    references: Sequence[str]
    answers: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class EventsCame:
    """Server: events of one attempt; `ServerLink.keep` or `ServerLink.refuse` answers."""

    ticket: Ticket
    key: Key
    events: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Settled:
    """Agent: everything of this offer is held."""

    offer: int
    held: Mapping[Key, int]


@dataclass(frozen=True, slots=True)
class Declined:
    """Agent: the server refuses events of this offer; the link has forgotten the whole of it.

    Attributes:
        retry_after: seconds after which it may be offered again; None: never.
    """

    offer: int
    key: Key
    code: str
    message: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Called:
    """The other side asks; `Machine.reply` answers, within the time."""

    ticket: Ticket
    method: str
    params: Any
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Replied:
    """A call of ours has ended: with a result, or with an error's code and message."""

    call: int
    result: Any = None
    error: tuple[str, str] | None = None


Action = (
    HangUp
    | Opened
    | Greeted
    | AgentDrains
    | TasksCame
    | TasksAnswered
    | EventsCame
    | Settled
    | Declined
    | Called
    | Replied
)
