"""What agent-server and an agent say to each other over the link: one frame in each WebSocket message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

LINK_PATH: Final = "/api/v1/agent/link"
VERSION: Final = 1
CALL_TASK: Final = "codo/call"
"""The method by which a server submits one task and gets its answer: params and result as in HTTP's."""

CALL_KNOWN: Final = "held"
"""The method by which an agent asks what is held of attempts: params and result as in HTTP's question."""

CAPABILITIES: Final = ("tasks", "events", "calls")

MAX_FRAME: Final = 64 * 1024 * 1024
"""Bytes that a frame may have."""

Role = Literal["agent", "server"]


@dataclass(frozen=True, slots=True)
class AgentHello:
    """The agent's first frame.

    Attributes:
        client_id: the agent's name, to which tasks are handed over.
        biz_id: the business that the agent belongs to; may be empty.
        software: name and version, for people.
        heartbeat_s: seconds within which the agent says something, whatever.
        open: (taskId, attempt) → highest seq of which the agent does not know yet whether it is held.
        replica: which of the agent's processes this is, all of which dial in; empty: there is one.
        version: the highest version of the protocol that the agent speaks.
        capabilities: what it can do, of `CAPABILITIES`.
    """

    client_id: str
    biz_id: str
    software: str
    heartbeat_s: float
    open: Mapping[tuple[str, int], int] = field(default_factory=dict)
    replica: str = ""
    version: int = VERSION
    capabilities: tuple[str, ...] = CAPABILITIES


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The server's first frame, its answer to the agent's.

    Attributes:
        software: name and version, for people.
        heartbeat_s: seconds within which the server says something, whatever.
        row_limit: log lines that an events frame may have (any other event counts as one).
        window_events: events that may be unanswered at once.
        window_bytes: bytes of events that may be unanswered at once; a bigger event goes alone.
        held: (taskId, attempt) → highest seq held, of those that the agent's hello named; 0 for none.
        version: the version that is spoken from now on.
        capabilities: what it can do, of `CAPABILITIES`.
    """

    software: str
    heartbeat_s: float
    row_limit: int
    window_events: int
    window_bytes: int
    held: Mapping[tuple[str, int], int] = field(default_factory=dict)
    version: int = VERSION
    capabilities: tuple[str, ...] = CAPABILITIES


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing but a sign of life."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """Server to agent: a batch of tasks, each as in the body of ``task/batch``."""

    batch: int
    items: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """Agent to server: one answer for each task of a batch; what is accepted is durable."""

    batch: int
    answers: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Later:
    """Agent to server: the batch cannot be taken now; nothing of it is answered."""

    batch: int
    retry_after: float
    message: str


@dataclass(frozen=True, slots=True)
class Draining:
    """Agent to server: this process is about to stop; hand it no more tasks. Events still come and go."""


@dataclass(frozen=True, slots=True)
class Events:
    """Agent to server: events of one attempt, in order.

    Attributes:
        size: characters of the frame.
    """

    events: Sequence[Mapping[str, Any]]
    size: int

    @property
    def key(self) -> tuple[str, int]:
        """The attempt: (taskId, attempt)."""
        return self.events[0]["taskId"], self.events[0]["attempt"]


@dataclass(frozen=True, slots=True)
class Held:
    """Server to agent: all events up to this seq are held, for each (taskId, attempt)."""

    held: Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Refused:
    """Server to agent: the attempt's events that are under way are not held.

    Attributes:
        retry_after: seconds after which the same events may be sent again; None: never.
    """

    task_id: str
    attempt: int
    code: str
    message: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """Either way: a question that wants a `Reply` with the same number within the time given."""

    call: int
    method: str
    params: Any
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a `Call`: a result, or an error's code and message."""

    call: int
    result: Any = None
    error: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a type that is not known."""

    type: str


Frame = (
    AgentHello
    | ServerHello
    | Heartbeat
    | Tasks
    | Answers
    | Later
    | Draining
    | Events
    | Held
    | Refused
    | Call
    | Reply
    | Unknown
)
