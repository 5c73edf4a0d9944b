"""The rows of the state tables that no interleaving is needed for."""

from __future__ import annotations

import json

import pytest

from tests.unit.agent_server.link.frames import event, log
from translator.agent_server.link.actions import (
    Called,
    EventsCame,
    Greeted,
    HangUp,
    Opened,
    Replied,
    Settled,
    TasksAnswered,
    TasksCame,
    Ticket,
)
from translator.agent_server.link.agent import LONGEST_PAUSE_S, AgentLink
from translator.agent_server.link.machine import GREETING_S, MAX_CALLS, State
from translator.agent_server.link.server import BATCH_ITEMS, ServerLink
from translator.errors import TemporaryError


class Pair:
    """Two ends that are greeted, at time 0."""

    def __init__(self):
        self.agent = AgentLink("a", heartbeat_s=10, patience_s=60)
        self.server = ServerLink(heartbeat_s=20, patience_s=60, window_events=4)
        self.agent.connected(0.0)
        self.server.connected(0.0)
        (greeted,) = self.up(0.0)
        assert isinstance(greeted, Greeted)
        self.server.welcome({}, 0.0)
        (opened,) = self.down(0.0)
        assert isinstance(opened, Opened)

    def up(self, now):
        return [action for text in self.agent.frames() for action in self.server.receive(text, now)]

    def down(self, now):
        return [action for text in self.server.frames() for action in self.agent.receive(text, now)]


@pytest.fixture
def pair():
    return Pair()


def types(end):
    return [json.loads(text)["type"] for text in end.frames()]


@pytest.mark.parametrize("end", [AgentLink("a"), ServerLink()], ids=["agent", "server"])
def test_a_hello_that_does_not_come_is_not_waited_for(end):
    end.connected(1.0)
    assert end.wake_at() == 1.0 + GREETING_S
    assert end.tick(end.wake_at() - 0.1) == []
    (hung_up,) = end.tick(end.wake_at())
    assert (hung_up.code, end.state) == (4408, State.CLOSING)
    assert end.receive('{"type": "heartbeat"}', 2.0) == []
    end.lost(2.0)
    assert end.wake_at() == float("inf")


def test_each_end_says_something_at_its_own_pace(pair):
    assert pair.agent.wake_at() == 10
    assert pair.agent.tick(10.0) == []
    assert types(pair.agent) == ["heartbeat"]
    assert pair.server.wake_at() == 20
    assert pair.server.tick(20.0) == []
    assert types(pair.server) == ["heartbeat"]


def test_anything_heard_is_a_sign_of_life(pair):
    pair.agent.receive('{"type": "something new"}', 30.0)
    assert pair.agent.tick(89.9) == []
    (hung_up,) = pair.agent.tick(90.0)
    assert hung_up == HangUp(4408, "nothing heard for 60 s")
    # the server expects the agent every 10 s
    (hung_up,) = pair.server.tick(30.0)
    assert hung_up == HangUp(4408, "nothing heard for 30 s")


def test_an_answer_that_does_not_come_ends_the_connection(pair):
    pair.agent.offer(1, [log(1)], 0.0)
    pair.server.hand_over([("t", {})], 0.0)
    for now in (20.0, 40.0, 59.0):
        for end in (pair.agent, pair.server):
            end.receive('{"type": "heartbeat"}', now)
            assert end.tick(now) == []
    for end in (pair.agent, pair.server):
        assert end.tick(60.0) == [HangUp(4408, "no answer for 60 s")]


def test_a_second_hello_changes_nothing(pair):
    hello = {
        "type": "hello", "version": 1, "heartbeatSeconds": 1, "capabilities": [], "clientId": "b", "open": [],
        "software": "", "bizId": "",
    }  # fmt: skip
    assert pair.server.receive(json.dumps(hello), 1.0) == []
    assert pair.server.state is State.OPEN
    pair.server.welcome({}, 1.0)
    assert pair.server.frames() == []


def test_pauses_grow_and_are_spread(pair):
    pauses = []
    for _ in range(12):
        pair.agent.lost(100.0, 0.0)
        pauses.append(pair.agent.dial_at - 100.0)
    # the connection that had held for a while is dialled again soon
    assert pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[-1] == LONGEST_PAUSE_S / 2
    pair.agent.lost(100.0, 1.0)
    assert pair.agent.dial_at == 100.0 + LONGEST_PAUSE_S


def test_a_connection_that_did_not_hold_is_no_reason_for_haste(pair):
    pair.agent.lost(1.0, 1.0)
    assert pair.agent.dial_at == 1.4


def test_one_batch_is_under_way_at_a_time(pair):
    pair.server.hand_over([("t1", {"n": 1})], 1.0)
    pair.server.hand_over([("t2", {"n": 2})], 1.0)
    (came,) = pair.down(1.0)
    assert came.items == [{"n": 1}]
    pair.agent.postpone(came.ticket, "away", 3.0, 1.0)
    assert pair.up(1.0) == []
    assert pair.server.wake_at() == 4.0
    pair.server.tick(3.9)
    assert pair.server.frames() == []
    pair.server.tick(4.0)
    (came,) = pair.down(4.0)
    pair.agent.answer(came.ticket, [{"taskId": "t1", "outcome": "accepted"}], 4.0)
    pair.agent.answer(came.ticket, [{"taskId": "t1", "outcome": "accepted"}], 4.0)
    assert pair.up(4.0) == [TasksAnswered(("t1",), [{"taskId": "t1", "outcome": "accepted"}])]
    (came,) = pair.down(4.0)
    assert came.items == [{"n": 2}]


def test_a_batch_has_so_many_tasks(pair):
    pair.server.hand_over([(f"t{number}", number) for number in range(BATCH_ITEMS + 1)], 1.0)
    (came,) = pair.down(1.0)
    assert len(came.items) == BATCH_ITEMS


def test_an_answer_to_an_earlier_connection_goes_nowhere(pair):
    pair.server.hand_over([("t1", {})], 1.0)
    (came,) = pair.down(1.0)
    pair.agent.lost(1.0)
    pair.agent.connected(2.0)
    pair.agent.answer(came.ticket, [{"taskId": "t1", "outcome": "accepted"}], 2.0)
    assert types(pair.agent) == ["hello"]


def test_a_server_that_does_not_wait_for_the_answer_is_told_later(pair):
    tasks = '{{"type": "tasks", "batch": {}, "items": [1]}}'
    assert pair.agent.receive(tasks.format(1), 1.0) == [TasksCame(Ticket(1, 1), [1])]
    assert pair.agent.receive(tasks.format(1), 1.0) == []
    assert pair.agent.receive(tasks.format(2), 1.0) == []
    assert types(pair.agent) == ["later"]


def test_answers_that_do_not_match_the_batch_end_the_connection(pair):
    pair.server.hand_over([("t1", {}), ("t2", {})], 1.0)
    (came,) = pair.down(1.0)
    pair.agent.answer(came.ticket, [{"taskId": "t1", "outcome": "accepted"}], 1.0)
    (hung_up,) = pair.up(1.0)
    assert hung_up == HangUp(4400, "1 answers to the 2 tasks of a batch")


def test_events_are_answered_once(pair):
    pair.agent.offer(1, [event(1)], 1.0)
    (came,) = pair.up(1.0)
    assert isinstance(came, EventsCame)
    pair.server.keep(came.ticket, 1, 1.0)
    pair.server.keep(came.ticket, 1, 1.0)
    pair.server.refuse(came.ticket, "no", "no", 1.0, retry_after=None)
    assert types(pair.server) == ["held"]


def test_calls_are_answered_both_ways(pair):
    number = pair.agent.call("sum", [1, 2], 1.0, 5.0)
    (called,) = pair.up(1.0)
    assert (called.method, called.params, called.timeout_s) == ("sum", [1, 2], 5.0)
    pair.server.reply(called.ticket, 1.0, result=3)
    assert pair.down(1.0) == [Replied(number, 3)]
    number = pair.server.call("sum", [], 1.0, 5.0)
    (called,) = pair.down(1.0)
    pair.agent.reply(called.ticket, 1.0, error=("empty", "nothing to add"))
    pair.agent.reply(called.ticket, 1.0, result=0)
    assert pair.up(1.0) == [Replied(number, error=("empty", "nothing to add"))]


def test_a_call_ends_once_whatever_comes(pair):
    number = pair.agent.call("slow", None, 1.0, 5.0)
    (called,) = pair.up(1.0)
    assert pair.agent.wake_at() == 6.0
    (ended,) = pair.agent.tick(6.0)
    assert (ended.call, ended.error[0]) == (number, "deadline-exceeded")
    pair.server.reply(called.ticket, 7.0, result=1)
    assert pair.down(7.0) == []
    number = pair.agent.call("slow", None, 8.0, 5.0)
    (ended,) = pair.agent.lost(8.0)
    assert (ended.call, ended.error[0]) == (number, "link-lost")
    with pytest.raises(TemporaryError, match="not open"):
        pair.agent.call("slow", None, 8.0, 5.0)


def test_a_repeated_call_is_answered_once(pair):
    pair.agent.call("sum", None, 1.0, 5.0)
    (text,) = pair.agent.frames()
    assert len(pair.server.receive(text, 1.0)) == 1
    assert pair.server.receive(text, 1.0) == []


def test_too_many_calls_are_busy(pair):
    for _ in range(MAX_CALLS + 1):
        pair.agent.call("slow", None, 1.0, 5.0)
    called = pair.up(1.0)
    assert [type(action) for action in called] == [Called] * MAX_CALLS
    (refused,) = pair.down(1.0)
    assert refused.error[0] == "busy"


def test_after_a_restart_what_the_server_holds_of_stored_attempts_is_not_sent():
    agent, server = AgentLink("a"), ServerLink()
    early = [log(seq) for seq in range(1, 3)]
    assert agent.offer(1, early, 0.0) == []
    agent.connected(0.0, {("t", 1): 9, ("other", 2): 4})
    server.connected(0.0)
    (greeted,) = [action for text in agent.frames() for action in server.receive(text, 0.0)]
    assert greeted.hello.open == {("t", 1): 9, ("other", 2): 4}
    # more than was named cannot be meant
    server.welcome({("t", 1): 7, ("other", 2): 99, ("who", 1): 5}, 0.0)
    opened, settled = [action for text in server.frames() for action in agent.receive(text, 0.0)]
    assert (type(opened), settled) == (Opened, Settled(1, {("t", 1): 7}))
    assert agent.offer(2, [log(seq) for seq in range(3, 6)], 0.0) == [Settled(2, {("t", 1): 7})]
    assert agent.offer(3, [log(seq) for seq in range(6, 10)], 0.0) == []
    other = [event(seq, task="other", attempt=2) for seq in (4, 5)]
    assert agent.offer(4, other, 0.0) == []
    sent = [[each["seq"] for each in json.loads(text)["events"]] for text in agent.frames()]
    assert sorted(sent) == [[5], [8, 9]]


def test_a_side_that_takes_no_calls_is_not_called():
    agent = AgentLink("a")
    agent.connected(0.0)
    hello = {
        "type": "hello", "version": 1, "heartbeatSeconds": 1, "capabilities": ["events"], "held": [],
        "rowLimit": 1, "window": {"events": 1, "bytes": 1}, "software": "",
    }  # fmt: skip
    agent.receive(json.dumps(hello), 0.0)
    with pytest.raises(TemporaryError, match="takes no calls"):
        agent.call("any", None, 0.0, 1.0)


def test_a_close_reason_fits_into_its_frame(pair):
    (hung_up,) = pair.agent.close(4400, "ü" * 200)
    assert len(hung_up.reason.encode()) <= 123
    assert pair.agent.close(4400, "again") == []


def test_what_was_under_way_goes_again_after_a_break(pair):
    pair.server.hand_over([("t1", {"n": 1})], 1.0)
    pair.agent.offer(1, [event(1), event(2)], 1.0)
    pair.up(1.0)
    pair.down(1.0)
    for end in (pair.agent, pair.server):
        end.lost(2.0)
        end.connected(3.0)
    (greeted,) = pair.up(3.0)
    assert greeted.hello.open == {("t", 1): 2}
    pair.server.welcome({("t", 1): 1}, 3.0)
    opened, came = pair.down(3.0)
    assert (type(opened), came.items) == (Opened, [{"n": 1}])
    (came,) = pair.up(3.0)
    assert [each["seq"] for each in came.events] == [2]


def test_a_restarted_server_does_not_get_the_answer_to_its_predecessors_batch(pair):
    tasks = '{"type": "tasks", "batch": 1, "items": [1]}'
    (before,) = pair.agent.receive(tasks, 1.0)
    agent = pair.agent
    agent.lost(2.0)
    agent.connected(3.0)
    successor = ServerLink()
    successor.connected(3.0)
    for text in agent.frames():
        successor.receive(text, 3.0)
    successor.welcome({}, 3.0)
    for text in successor.frames():
        agent.receive(text, 3.0)
    (after,) = agent.receive(tasks, 3.0)
    agent.answer(before.ticket, [{"taskId": "old", "outcome": "accepted"}], 3.0)
    assert agent.frames() == []
    agent.answer(after.ticket, [{"taskId": "new", "outcome": "accepted"}], 3.0)
    assert types(agent) == ["answers"]


def test_an_answer_to_events_of_an_earlier_connection_goes_nowhere(pair):
    pair.agent.offer(1, [event(1)], 1.0)
    (before,) = pair.up(1.0)
    for end in (pair.agent, pair.server):
        end.lost(2.0)
        end.connected(3.0)
    pair.up(3.0)
    pair.server.welcome({}, 3.0)
    pair.down(3.0)
    (after,) = pair.up(3.0)
    pair.server.keep(before.ticket, 1, 3.0)
    assert pair.server.frames() == []
    pair.server.keep(after.ticket, 1, 3.0)
    assert types(pair.server) == ["held"]
