"""Two ends that restart and a channel that loses, repeats, swaps and breaks: nothing is lost or repeated."""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.agent_server.link.frames import check, event, log
from translator.agent_server.ledger import Ledger
from translator.agent_server.link.actions import (
    Declined,
    EventsCame,
    Greeted,
    HangUp,
    Opened,
    Settled,
    TasksAnswered,
    TasksCame,
)
from translator.agent_server.link.agent import AgentLink
from translator.agent_server.link.machine import State
from translator.agent_server.link.server import ServerLink

TASKS = st.sampled_from(["t0", "t1", "t2"])
WINDOW = 4


class Link(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.agent, self.server = self._agent(), self._server()
        self.said_to_be_held = {}
        self.up, self.down = deque(), deque()
        # the service's side: what it has told, what is not acknowledged, what it has offered
        self.told = {}
        self.outbox = {}
        self.offers = {}
        self.last_offer = 0
        self.stored = Counter()
        self.storing = deque()
        # agent-server's side
        self.ledger = Ledger()
        self.came = deque()
        self.handed = []
        self.answered = []

    @staticmethod
    def _agent():
        return AgentLink("a", row_limit=3, heartbeat_s=5, patience_s=20)

    @staticmethod
    def _server():
        return ServerLink(row_limit=4, window_events=WINDOW, window_bytes=700, heartbeat_s=5, patience_s=20)

    # the service

    @rule()
    def the_service_restarts(self):
        """What is durable stays: the outbox, and the tasks that were stored."""
        self._lost(self.server)
        self.agent = self._agent()
        self.agent.dial_at = self.now
        self.offers.clear()
        self.storing.clear()
        self.up.clear()
        self.down.clear()

    @rule(task=TASKS, lines=st.lists(st.integers(0, 3), min_size=1, max_size=4))
    def tell(self, task, lines):
        told = self.told.setdefault((task, 1), [])
        if told and told[-1].get("phase") == "Succeeded":
            return
        for count in lines:
            seq = len(told) + 1
            told.append(
                log(seq, *["x"] * count, task=task) if count else event(seq, task=task, phase="Running")
            )
            self.outbox.setdefault((task, 1), []).append(told[-1])

    @rule(task=TASKS)
    def finish(self, task):
        told = self.told.setdefault((task, 1), [])
        if not told or told[-1].get("phase") != "Succeeded":
            steps = [{"name": "s", "phase": "Succeeded"}]
            told.append(event(len(told) + 1, task=task, phase="Succeeded", steps=steps))
            self.outbox.setdefault((task, 1), []).append(told[-1])

    @rule(tasks=st.sets(TASKS, min_size=1), most=st.integers(1, 6))
    def offer(self, tasks, most):
        taken = {key for keys in self.offers.values() for key in keys}
        events = [
            each
            for key, waiting in self.outbox.items()
            if key[0] in tasks and key not in taken
            for each in waiting[:most]
        ]
        if events:
            self.last_offer += 1
            self.offers[self.last_offer] = Counter((each["taskId"], each["attempt"]) for each in events)
            self._act(self.agent, self.agent.offer(self.last_offer, events, self.now))
            self._collect()

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def give_up_waiting(self, data):
        offer = data.draw(st.sampled_from(sorted(self.offers)))
        del self.offers[offer]
        self.agent.withdraw(offer)

    @precondition(lambda self: self.storing)
    @rule(can=st.booleans())
    def store_tasks(self, can):
        came = self.storing.popleft()
        if can:
            answers = [
                {"taskId": item, "outcome": "duplicate" if self.stored[item] else "accepted"}
                for item in came.items
            ]
            self.stored.update(set(came.items) - self.stored.keys())
            self.agent.answer(came.ticket, answers, self.now)
        else:
            self.agent.postpone(came.ticket, "away", 2.0, self.now)
        self._collect()

    # agent-server

    @rule()
    def agent_server_restarts(self):
        """What is durable stays: what it holds, and the tasks whose answers it has not got."""
        self._lost(self.agent)
        self.server = self._server()
        self.came.clear()
        self.up.clear()
        self.down.clear()
        left = [(each,) * 2 for each in self.handed[len(self.answered) :]]
        if left:
            self.server.hand_over(left, self.now)

    @rule(count=st.integers(1, 3))
    def hand_over(self, count):
        items = [(f"task{len(self.handed) + n}",) * 2 for n in range(count)]
        self.handed += [reference for reference, _ in items]
        self.server.hand_over(items, self.now)
        self._collect()

    @precondition(lambda self: self.came)
    @rule(verdict=st.sampled_from(["keep", "keep", "keep", "later", "never"]))
    def take_events(self, verdict):
        came = self.came.popleft()
        if verdict == "keep":
            held = self.ledger.take(came.events)[came.key]
            self.server.keep(came.ticket, held, self.now)
        else:
            wait = 1.0 if verdict == "later" else None
            self.server.refuse(came.ticket, "no", "no", self.now, retry_after=wait)
        self._collect()

    # the channel

    @precondition(lambda self: self.agent.state is State.DOWN)
    @rule()
    def dial(self):
        self.now = max(self.now, self.agent.dial_at)
        # the server may not have noticed that the last connection is gone
        self._lost(self.server)
        self.up.clear()
        self.down.clear()
        self.said_to_be_held = {}
        unheld = {key: waiting[-1]["seq"] for key, waiting in self.outbox.items() if waiting}
        self.agent.connected(self.now, unheld)
        self.server.connected(self.now)
        self._collect()

    @rule(both=st.booleans())
    def cut(self, both):
        self._lost(self.agent)
        if both:
            self._lost(self.server)

    @precondition(lambda self: self.up)
    @rule()
    def bring_up(self):
        self._receive(self.server, self.up.popleft())

    @precondition(lambda self: self.down)
    @rule()
    def bring_down(self):
        self._receive(self.agent, self.down.popleft())

    @precondition(lambda self: self.up or self.down)
    @rule(what=st.sampled_from(["lose", "repeat", "swap"]), data=st.data())
    def spoil(self, what, data):
        pipe = data.draw(st.sampled_from([pipe for pipe in (self.up, self.down) if pipe]))
        if what == "lose":
            pipe.popleft()
        elif what == "repeat":
            pipe.append(pipe[0])
        elif len(pipe) > 1:
            pipe[0], pipe[1] = pipe[1], pipe[0]

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0, 25.0]))
    def wait(self, seconds):
        self.now += seconds
        for end in (self.agent, self.server):
            self._act(end, end.tick(self.now))
        self._collect()

    # what holds at any time

    @invariant()
    def the_contract_is_kept(self):
        assert self.ledger.violations == []

    @invariant()
    def the_window_is_kept(self):
        events, _ = self.agent.in_flight
        assert events <= WINDOW
        assert self.server.unanswered[0] <= WINDOW

    @invariant()
    def nothing_is_remembered_but_what_is_offered(self):
        assert self.agent.kept <= sum(offer.total() for offer in self.offers.values())

    def teardown(self):
        """Once the channel is good again, everything arrives, and nothing remains."""
        for _ in range(400):
            if self.agent.state is State.DOWN:
                self.dial()
            self.offer({"t0", "t1", "t2"}, 99)
            for pipe, end in ((self.up, self.server), (self.down, self.agent)):
                while pipe:
                    self._receive(end, pipe.popleft())
            while self.storing:
                self.store_tasks(True)
            while self.came:
                self.take_events("keep")
            done = not any(self.outbox.values()) and len(self.answered) == len(self.handed)
            if done and not self.up and not self.down:
                break
            if not self.up and not self.down:
                self.wait(2.0)
        self.the_contract_is_kept()
        for key, told in self.told.items():
            assert list(self.ledger.events(*key)) == told
        assert self.answered == self.handed
        assert sorted(self.stored) == sorted(self.handed)
        assert (self.agent.kept, self.agent.in_flight, self.server.unanswered) == (0, (0, 0), (0, 0))

    def _collect(self):
        for end, pipe in ((self.agent, self.up), (self.server, self.down)):
            for text in end.frames():
                frame = check(text, by_server=end is self.server)
                for each in frame["events"] if frame["type"] == "events" else ():
                    held = self.said_to_be_held.get((each["taskId"], each["attempt"]), 0)
                    assert each["seq"] > held, "sent although the server's hello said that it is held"
                pipe.append(text)

    def _receive(self, end, text):
        self._act(end, end.receive(text, self.now))
        self._collect()

    def _lost(self, end):
        self._act(end, end.lost(self.now))

    def _act(self, end, actions):
        for action in actions:
            if isinstance(action, HangUp):
                self._lost(self.agent)
                self._lost(self.server)
            elif isinstance(action, Opened):
                self.said_to_be_held = dict(action.hello.held)
            elif isinstance(action, Settled):
                del self.offers[action.offer]
                for key, seq in action.held.items():
                    assert seq <= self.ledger.held(*key), "acknowledged and not held"
                    self.outbox[key] = [each for each in self.outbox[key] if each["seq"] > seq]
            elif isinstance(action, Declined):
                del self.offers[action.offer]
            elif isinstance(action, TasksCame):
                self.storing.append(action)
            elif isinstance(action, EventsCame):
                self.came.append(action)
            elif isinstance(action, Greeted):
                held = {key: self.ledger.held(*key) for key in action.hello.open}
                end.welcome(held, self.now)
            elif isinstance(action, TasksAnswered):
                assert all(self.stored[reference] for reference in action.references), (
                    "answered and not stored"
                )
                self.answered += action.references


TestAnyInterleaving = Link.TestCase
TestAnyInterleaving.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
