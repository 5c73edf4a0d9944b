"""What follows from each thing that happens, with parts that only note how they are called."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.integration.store.samples import state
from translator.errors import PermanentError
from translator.observe.event import Phase
from translator.service.changes import Changes
from translator.service.metrics import Metrics
from translator.service.reactions import Reactions
from translator.store.notices import SHARDS


class Noting:
    """Notes every call of the methods that it is asked for, as ``(part, method, argument)``."""

    def __init__(self, name, calls, **attributes):
        self._name, self._calls = name, calls
        self.__dict__.update(attributes)

    def __getattr__(self, method):
        def note(*args):
            self._calls.append((self._name, method, *args))

        return note

    async def shed(self):
        self._calls.append((self._name, "shed"))


class Recovering:
    def __init__(self):
        self.answer = True

    async def set_back(self, task_id):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    def __init__(self):
        self.calls = []
        self.metrics = Metrics()
        self.changes = Changes()
        self.recovery = Recovering()
        store = self.store = SimpleNamespace(shard=lambda task_id: int(task_id[-1]), lost=False)
        self.reactions = Reactions(
            store, self.recovery, self.changes, self.metrics, lambda: self.calls.append(("shards",))
        )
        names = ("submitter", "follower", "deliverer", "rechecks", "sweep")
        self.reactions.parts = SimpleNamespace(
            **{name: Noting(name, self.calls) for name in names},
            doubt=Noting("doubt", self.calls, task_ids=["t1", "t2", "t3"]),
            reconciler=Noting("reconciler", self.calls, unsettled=False),
        )

    def said(self):
        calls, self.calls[:] = [*self.calls], []
        return calls


@pytest.fixture
def world():
    return World()


WAKES = [("submitter", "wake", "t1"), ("deliverer", "wake", "t1")]


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (SHARDS, [("shards",)]),
        ("accepted", WAKES),
        ("revoked", [("follower", "revoke", "t1")]),
        ("replayed", [("deliverer", "wake", "t1")]),
        ("of a later version", []),
    ],
)
def test_a_message_of_another_replica_reaches_who_goes_on_with_it(world, kind, calls):
    world.reactions.told(kind, "t1")
    assert world.said() == calls


@pytest.mark.parametrize("how", ["not looked for yet", "known to be lost"])
def test_a_new_task_is_doubted_only_while_something_may_be_lost(world, how):
    world.reactions.accepted("t1")
    assert world.said() == WAKES
    world.reactions.parts.reconciler.unsettled = how == "not looked for yet"
    world.store.lost = how == "known to be lost"
    world.reactions.accepted("t1")
    (part, method, [doubted]), *wakes = world.said()
    assert (part, method, doubted.task_id, doubted.waits, doubted.seq) == ("doubt", "cast", "t1", True, 0)
    assert wakes == WAKES


def test_new_events_are_delivered_and_told_and_the_last_is_counted(world):
    with world.changes.watch("t1") as changed:
        world.reactions.grown("t1", state("t1", 2))
        assert changed.is_set()
    world.reactions.grown("t1", state("t1", 3, Phase.SUCCEEDED))
    assert world.said() == [("deliverer", "wake", "t1")] * 2
    text = world.metrics.text(outbox_age_s=0, followed=0).decode()
    assert 'translator_attempts_ended_total{phase="Succeeded"} 1.0' in text


async def test_a_record_that_was_set_back_starts_everything_anew(world):
    await world.reactions.ahead("t1")
    assert world.said() == [
        ("reconciler", "mended", "t1", "record-set-back"),
        ("submitter", "wake", "t1"),
        ("follower", "wake", "t1"),
        ("deliverer", "wake", "t1"),
    ]


@pytest.mark.parametrize("answer", [False, PermanentError("it cannot say")])
async def test_a_record_that_was_not_set_back_is_left_alone(world, answer):
    world.recovery.answer = answer
    await world.reactions.ahead("t1")
    assert world.said() == []


async def test_work_on_lost_shards_ends_and_so_do_its_doubts(world):
    await world.reactions.lost([1, 3])
    assert world.said() == [
        ("sweep", "lost", [1, 3]),
        ("doubt", "drop", ["t1", "t3"]),
        *[(name, "shed") for name in ("submitter", "follower", "deliverer", "rechecks")],
    ]


def test_a_lost_task_means_that_others_are_looked_for(world):
    world.reactions.unknown("t1")
    assert world.said() == [("reconciler", "wake")]
