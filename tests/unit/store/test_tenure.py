"""Leases, replicas and time in every order: what `Tenure` promises, against a model of what Redis keeps."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from translator.service.custody import KEPT
from translator.service.shares import moves
from translator.store.tenure import LostShardError, Tenure

LEASE = 15.0
SHARDS = range(5)
NAMES = ("a", "b", "c")


class Keeper:
    """What the lease scripts do, in short (tests/integration/store/test_leases.py tries the real ones)."""

    def __init__(self):
        self.leases = {}
        self.epochs = dict.fromkeys(SHARDS, 0)
        self.granted = set()

    def owner(self, shard, now):
        owner, _, until = self.leases.get(shard, ("", 0, 0.0))
        return owner if until > now else ""

    def tend(self, shard, epoch, now):
        owner, current, _ = self.leases.get(shard, ("", 0, 0.0))
        if not owner or current != epoch:
            return False
        self.leases[shard] = (owner, epoch, now + LEASE)
        return True

    def take(self, shard, me, now):
        if self.owner(shard, now) not in ("", me):
            return None
        self.epochs[shard] += 1
        self.leases[shard] = (me, self.epochs[shard], now + LEASE)
        grant = (shard, self.epochs[shard])
        assert grant not in self.granted, "an epoch was granted twice"
        self.granted.add(grant)
        return self.epochs[shard]

    def let_go(self, shard, epoch):
        if self.leases.get(shard, ("", 0, 0.0))[1] == epoch:
            self.epochs[shard] += 1
            self.leases[shard] = ("", self.epochs[shard], 0.0)

    def writes(self, shard, epoch):
        return self.leases.get(shard, ("", 0, 0.0))[1] == epoch


class Replicas(RuleBasedStateMachine):
    """Each does a round, writes, is paused and goes on, dies and is born again, at any time."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.keeper = Keeper()
        self.tenures = {name: Tenure() for name in NAMES}
        self.paused = set()
        self.seen = dict.fromkeys(NAMES, 0.0)
        self.flying = []

    def live(self):
        return [name for name in NAMES if self.seen[name] + LEASE > self.now]

    def awake(self, me):
        """What a process notices first when it goes on."""
        self.tenures[me].run_out(self.now)

    @rule(me=st.sampled_from(NAMES), late=st.floats(0, 2 * LEASE))
    def round(self, me, late):
        """A round; Redis has its orders `late` seconds after they were thought of."""
        if me in self.paused:
            return
        self.awake(me)
        tenure, asked = self.tenures[me], self.now
        epochs = tenure.epochs()
        self.time_passes(late)
        self.seen[me] = self.now
        held = {shard for shard, epoch in epochs.items() if self.keeper.tend(shard, epoch, self.now)}
        for shard in held:
            if asked + KEPT * LEASE > self.now:
                tenure.hold(shard, epochs[shard], asked + KEPT * LEASE)
        tenure.drop(epochs.keys() - held)
        owners = {shard: self.keeper.owner(shard, self.now) for shard in SHARDS}
        # what it gave up meanwhile, as it could not renew it, is free to it
        owners = {s: "" if o == me and not tenure.holds(s) else o for s, o in owners.items()}
        wanted = moves(me, [*{*self.live(), me}], owners, ())
        for shard in wanted.give:
            epoch = tenure.epoch(shard)
            tenure.drop([shard])
            self.keeper.let_go(shard, epoch)
        for shard in wanted.take:
            if (epoch := self.keeper.take(shard, me, self.now)) is not None:
                tenure.hold(shard, epoch, asked + KEPT * LEASE)
        tenure.run_out(self.now)

    @rule(me=st.sampled_from(NAMES), shard=st.sampled_from(SHARDS))
    def send(self, me, shard):
        """A transaction is on its way, with the epoch of now."""
        if me not in self.paused and self.tenures[me].holds(shard):
            self.flying.append((me, shard, self.tenures[me].epoch(shard)))

    @rule(data=st.data())
    def arrive(self, data):
        """It arrives, however late; Redis takes it only from the one whose lease is the newest."""
        if not self.flying:
            return
        me, shard, epoch = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if self.keeper.writes(shard, epoch):
            assert self.keeper.leases[shard][0] == me
        else:
            self.tenures[me].refused(shard, epoch)
            assert not self.tenures[me].holds(shard) or self.tenures[me].epoch(shard) != epoch

    @rule(me=st.sampled_from(NAMES))
    def pause_or_go_on(self, me):
        self.paused ^= {me}
        if me not in self.paused:
            self.awake(me)

    @rule(me=st.sampled_from(NAMES))
    def die(self, me):
        self.paused.discard(me)
        self.tenures[me] = Tenure()

    @rule(seconds=st.floats(0, 2 * LEASE))
    def time_passes(self, seconds):
        self.now += seconds
        for me in NAMES:
            if me not in self.paused:
                self.awake(me)

    @invariant()
    def no_two_work_on_a_shard(self):
        """Nor does one that is not paused work on a shard whose lease is another's."""
        for shard in SHARDS:
            working = [me for me in NAMES if me not in self.paused and self.tenures[me].holds(shard)]
            rightful = [me for me in working if self.keeper.writes(shard, self.tenures[me].epoch(shard))]
            assert len(rightful) <= 1
            assert len(working) <= 1, f"{working} work on shard {shard}"

    def teardown(self):
        """In the end everything that nobody disturbs comes to rest: all is held, evenly."""
        self.paused.clear()
        self.now += 3 * LEASE
        for me in NAMES:
            self.awake(me)
        for _ in range(6):
            for me in NAMES:
                self.round(me, 0.1)
                self.no_two_work_on_a_shard()
        counts = [len(tenure.shards) for tenure in self.tenures.values()]
        assert sum(counts) == len(SHARDS)
        assert max(counts) - min(counts) <= 1


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_what_is_not_held_has_no_epoch():
    tenure = Tenure()
    with pytest.raises(LostShardError, match="shard 3 is not held"):
        tenure.epoch(3)
    tenure.hold(3, 7, 10.0)
    assert (tenure.epoch(3), tenure.ends_at(), tenure.shards) == (7, 10.0, {3})
    assert tenure.run_out(9.9) == set()
    assert tenure.run_out(10.0) == {3}
    with pytest.raises(LostShardError, match="shard 3 is not held"):
        tenure.epoch(3)
    assert (tenure.shards, tenure.lapsed, tenure.epochs()) == (set(), {3}, {3: 7})
    tenure.drop([3])
    assert tenure.ends_at() is None


def test_what_has_lapsed_may_be_renewed_and_is_kept_for_as_long_as_it_says():
    tenure = Tenure()
    tenure.hold(3, 7, 10.0, kept_until=20.0, settled_at=50.0)
    assert tenure.lapse([3, 4]) == {3}
    assert (tenure.ends_at(), tenure.overdue(19.9), tenure.keeps(3, 19.9)) == (20.0, set(), True)
    assert not tenure.renew(3, 18.0, kept_until=28.0, now=18.0), "the answer came too late"
    assert (tenure.lapsed, tenure.ends_at()) == ({3}, 28.0)
    assert tenure.renew(3, 30.0, kept_until=40.0, now=19.0)
    assert (tenure.epoch(3), tenure.lapsed, tenure.unsettled_s(3, 40.0)) == (7, set(), 10.0)
    assert not tenure.renew(3, 31.0, kept_until=41.0, now=20.0), "it had not lapsed"
    tenure.settle(3)
    assert tenure.unsettled_s(3, 40.0) == 0
    assert tenure.run_out(31.0) == {3}
    assert tenure.overdue(41.0) == {3}
    tenure.ended([3])
    assert (tenure.overdue(41.0), tenure.keeps(3, 31.0), tenure.ends_at()) == (set(), False, None)
    assert not tenure.renew(5, 60.0, kept_until=60.0, now=42.0), "it is not known"
    assert tenure.renew(3, 60.0, kept_until=70.0, now=42.0)
    assert tenure.keeps(3, 42.0)


def test_a_refusal_of_an_older_epoch_says_nothing_of_the_present_one():
    tenure, told = Tenure(), []
    tenure.on_refused = told.append
    tenure.hold(1, 8, 10.0)
    tenure.refused(1, 7)
    assert (tenure.holds(1), told) == (True, [])
    tenure.refused(1, 8)
    assert (tenure.holds(1), told) == (False, [1])
