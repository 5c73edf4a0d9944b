"""The events that an agent has to bring to the server: what waits and what is under way. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from translator.agent_server.link.actions import Declined, Key, Settled
from translator.agent_server.protocol.frame_text import encode_event, encode_events_frame
from translator.agent_server.protocol.frames import MAX_FRAME
from translator.agent_server.verdict import TOO_LARGE_REMEDY, TooLargeError
from translator.observe.event import Kind

FRAME_BYTES: Final = 1024 * 1024
"""Of the events in one frame (a bigger one goes alone), where no fewer are asked for."""

TOO_LARGE: Final = "too-large"
"""The code of a refusal: fewer events may be taken."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One event that waits or is under way."""

    offer: int
    seq: int
    text: bytes
    rows: int
    is_log: bool


@dataclass(slots=True)
class _Flight:
    """A frame that is not answered yet.

    Attributes:
        entries: those of its events that are still wanted; a withdrawn offer's are not.
        last: the frame's highest seq.
        events: how many it holds of the window.
        size: bytes it holds of the window.
        since: when it went.
    """

    entries: list[_Entry]
    last: int
    events: int
    size: int
    since: float


@dataclass(slots=True)
class _Lane:
    """One attempt's events, in order.

    Attributes:
        offers: each offer's highest seq here.
    """

    waiting: deque[_Entry] = field(default_factory=deque)
    flight: _Flight | None = None
    offers: dict[int, int] = field(default_factory=dict)


class Outgoing:
    """At most one frame of an attempt is under way, so that a refusal is always about the right events.

    Args:
        row_limit: log lines in one frame (any other event counts as one); the server may ask for fewer.
        max_bytes: of the events in one frame, with their commas; a bigger event goes alone.
    """

    def __init__(self, row_limit: int, max_bytes: int = FRAME_BYTES) -> None:
        self._own_row_limit = row_limit
        self._max_bytes = max_bytes
        self.allow(row_limit, 1, 1)
        self._lanes: dict[Key, _Lane] = {}
        self._known: Mapping[Key, int] = {}
        self._offers: dict[int, tuple[set[Key], dict[Key, int]]] = {}

    @property
    def in_flight(self) -> tuple[int, int]:
        """Events and bytes that are under way."""
        flights = self._flights()
        return sum(each.events for each in flights), sum(each.size for each in flights)

    @property
    def kept(self) -> int:
        """Events that are remembered, waiting or under way."""
        return sum(
            len(lane.waiting) + (len(lane.flight.entries) if lane.flight else 0)
            for lane in self._lanes.values()
        )

    def allow(self, row_limit: int, events: int, size: int) -> None:
        """Note what the server lets be under way: lines in one frame, events and bytes in all."""
        self._row_limit = min(self._own_row_limit, row_limit)
        self._window_events = events
        self._window_bytes = size

    def know(self, held: Mapping[Key, int]) -> None:
        """Note up to where the server holds attempts; of those before, what it held is held still."""
        self._known = held

    def add(self, offer: int, events: Sequence[Mapping[str, Any]]) -> list[Settled]:
        """Take events, of any attempts, those of one attempt in order; what is known to be held never goes.

        Raises:
            TooLargeError: an event does not fit into a frame; none is taken.
        """
        keyed = [((event["taskId"], event["attempt"]), event) for event in events]
        entries = [
            (key, _entry(offer, event)) for key, event in keyed if event["seq"] > self._known.get(key, 0)
        ]
        left = {key for key, _ in entries}
        held = {key: self._known[key] for key, _ in keyed if key not in left}
        if not left:
            return [Settled(offer, held)]
        for key, entry in entries:
            lane = self._lanes.setdefault(key, _Lane())
            lane.waiting.append(entry)
            lane.offers[offer] = entry.seq
        self._offers[offer] = (left, held)
        return []

    def withdraw(self, offer: int) -> None:
        """Forget an offer; what of it is under way is answered still."""
        keys, _ = self._offers.pop(offer, (set[Key](), {}))
        for key in keys:
            if lane := self._lanes.get(key):
                lane.offers.pop(offer, None)
                lane.waiting = deque(entry for entry in lane.waiting if entry.offer != offer)
                if lane.flight:
                    lane.flight.entries = [each for each in lane.flight.entries if each.offer != offer]
                self._drop_if_empty(key)

    def next_frame(self, now: float) -> str | None:
        """The next frame that may go, if any: what is no log before logs, then who waits longest."""
        ready = [key for key, lane in self._lanes.items() if lane.waiting and not lane.flight]
        if not ready:
            return None
        key = next((key for key in ready if not self._lanes[key].waiting[0].is_log), ready[0])
        lane = self._lanes[key]
        entries = self._cut(lane.waiting)
        size = sum(len(entry.text) for entry in entries)
        events_there, size_there = self.in_flight
        if events_there and (
            events_there + len(entries) > self._window_events or size_there + size > self._window_bytes
        ):
            return None
        for _ in entries:
            lane.waiting.popleft()
        lane.flight = _Flight(entries, entries[-1].seq, len(entries), size, now)
        # to the end of the row, so that attempts take turns
        self._lanes[key] = self._lanes.pop(key)
        return encode_events_frame([entry.text for entry in entries])

    def held(self, held: Mapping[Key, int]) -> list[Settled]:
        """The server holds each attempt up to this seq; a lower one than before says nothing new."""
        settled: list[Settled] = []
        for key, seq in held.items():
            lane = self._lanes.get(key)
            if lane is None:
                continue
            while lane.waiting and lane.waiting[0].seq <= seq:
                lane.waiting.popleft()
            if lane.flight:
                lane.flight.entries = [entry for entry in lane.flight.entries if entry.seq > seq]
                if lane.flight.last <= seq:
                    lane.flight = None
            for offer in [offer for offer, last in lane.offers.items() if last <= seq]:
                del lane.offers[offer]
                settled += self._note(offer, key, seq)
            self._drop_if_empty(key)
        return settled

    def refuse(self, key: Key, code: str, message: str, retry_after: float | None) -> list[Declined]:
        """The server does not take what is under way of an attempt; every offer with events of it fails."""
        lane = self._lanes.get(key)
        if lane is None or lane.flight is None:
            return []
        lane.flight = None
        offers = list(lane.offers)
        for offer in offers:
            self.withdraw(offer)
        self._drop_if_empty(key)
        return [Declined(offer, key, code, message, retry_after) for offer in offers]

    def refuse_largest(self, message: str) -> list[Declined]:
        """The server takes no frame as large as one of those under way: the largest must be that."""
        flying = [(lane.flight.size, key) for key, lane in self._lanes.items() if lane.flight]
        return self.refuse(max(flying)[1], TOO_LARGE, message, None) if flying else []

    def rewind(self) -> None:
        """The connection is gone: what was under way waits again, before what waited."""
        for key, lane in list(self._lanes.items()):
            if lane.flight:
                lane.waiting.extendleft(reversed(lane.flight.entries))
                lane.flight = None
            self._drop_if_empty(key)

    def open(self) -> dict[Key, int]:
        """The attempts with events here, and the highest seq of each."""
        return {key: lane.waiting[-1].seq for key, lane in self._lanes.items() if lane.waiting}

    def since(self) -> float | None:
        """When the frame went that waits longest for its answer."""
        return min((flight.since for flight in self._flights()), default=None)

    def _flights(self) -> list[_Flight]:
        return [lane.flight for lane in self._lanes.values() if lane.flight]

    def _cut(self, waiting: deque[_Entry]) -> list[_Entry]:
        """The beginning of a lane that fits into one frame; at least one event."""
        entries: list[_Entry] = []
        rows = size = 0
        for entry in waiting:
            rows += entry.rows
            size += len(entry.text) + 1
            if entries and (
                rows > self._row_limit or size > self._max_bytes or len(entries) == self._window_events
            ):
                break
            entries.append(entry)
        return entries

    def _note(self, offer: int, key: Key, seq: int) -> list[Settled]:
        keys, held = self._offers[offer]
        keys.discard(key)
        held[key] = seq
        if keys:
            return []
        del self._offers[offer]
        return [Settled(offer, held)]

    def _drop_if_empty(self, key: Key) -> None:
        lane = self._lanes.get(key)
        if lane and not lane.waiting and not lane.flight and not lane.offers:
            del self._lanes[key]


def _entry(offer: int, event: Mapping[str, Any]) -> _Entry:
    text = encode_event(event)
    if len(text) > MAX_FRAME - 1024:
        raise TooLargeError(
            f"event {event['seq']} of task {event['taskId']} has {len(text)} bytes; "
            f"a frame may have {MAX_FRAME}",
            reason="AgentServerRefused",
            remedy=TOO_LARGE_REMEDY,
        )
    is_log = event.get("kind") == Kind.LOG
    rows = max(1, len(event["lines"])) if is_log else 1
    return _Entry(offer, event["seq"], text, rows, is_log)
