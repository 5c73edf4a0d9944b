"""Replicas, a Redis that is away or forgets, time in every order: what `Custody` promises processes.

The replicas' own machines run here in virtual time; the lease scripts are a model of the real ones, which
tests/integration/store/test_leases.py tries.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from translator.errors import TemporaryError
from translator.service.custody import Custody, Owner
from translator.service.metrics import Metrics
from translator.service.replica import margin_s
from translator.store.leases import Grant, Seen, View
from translator.store.tenure import Tenure

LEASE = 15.0
GRACE = 60.0
SHARDS = range(6)
NAMES = ("a", "b", "c")


def done(coroutine):
    """Run what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@dataclass
class Redis:
    """What the lease scripts keep."""

    now: float = 1_000_000.0
    away: bool = False
    ahead: float = 0.0  # of its clock before everybody's
    leases: dict = field(default_factory=dict)
    replicas: dict = field(default_factory=dict)

    def time(self):
        return self.now + self.ahead

    def of(self, shard):
        return self.leases.setdefault(shard, {})

    def answer(self):
        if self.away:
            raise TemporaryError("Redis does not answer")


class Leases:
    """One replica's, as `translator.store.leases.Leases`."""

    def __init__(self, redis, name, life):
        self.redis, self.name, self.life = redis, name, life

    async def announce(self):
        self.redis.answer()
        self.redis.replicas[self.name] = self.redis.time() + LEASE
        return [name for name, until in self.redis.replicas.items() if until > self.redis.time()]

    async def tend(self, epochs, claims):
        self.redis.answer()
        now = self.redis.time()
        held, claimed, others = set(), set(), {}
        for shard in SHARDS:
            lease, epoch = self.redis.of(shard), epochs.get(shard)
            asked = lease.get("claim") not in (None, self.life) and lease["claimed"] > now
            nobody = lease.get("life") in (None, self.life)
            stored = lease.get("epoch", 0)
            if epoch is not None and (stored == epoch or (nobody and stored < epoch)):
                lease.update(owner=self.name, life=self.life, epoch=epoch, until=now + LEASE)
                held.add(shard)
                claimed |= {shard} if asked else set()
                continue
            text = str(lease.get("epoch", "")), str(lease.get("until", ""))
            if "owner" not in lease or lease["life"] == self.life:
                others[shard] = Seen("", 0.0, *text)
                continue
            if shard in claims and not asked:
                lease.update(claim=self.life, claimant=self.name, claimed=now + LEASE)
            others[shard] = Seen(lease["owner"], lease["until"] - now, *text)
        return View(frozenset(held), frozenset(claimed), others)

    async def take(self, wanted, *, again):
        self.redis.answer()
        now, granted = self.redis.time(), {}
        for shard, seen in wanted.items():
            lease = self.redis.of(shard)
            former = again and lease.get("owner") == self.name
            mine = lease.get("life") == self.life or former
            same = str(lease.get("epoch", "")) == seen.epoch and (
                "owner" not in lease or str(lease["until"]) == seen.until
            )
            if not same and not mine:
                continue
            if not mine and ("owner" in lease or ("epoch" not in lease and not again)):
                lease["ended"] = now
            epoch = max(lease.get("epoch", 0) + 1, int(now * 1000))
            lease.update(owner=self.name, life=self.life, epoch=epoch, until=now + LEASE)
            if lease.get("claim") == self.life:
                del lease["claim"]
            settle = GRACE + margin_s(GRACE)
            left = lease.get("ended", float("-inf")) + settle - now
            granted[shard] = Grant(epoch, max(0.0, left))
        return granted

    async def let_go(self, epochs):
        self.redis.answer()
        for shard, epoch in epochs.items():
            lease = self.redis.of(shard)
            if lease.get("epoch") != epoch:
                continue
            for name in ("owner", "life", "until"):
                del lease[name]
            lease["epoch"] += 1
            if lease.get("claim") and lease["claimed"] > self.redis.time():
                until = self.redis.time() + LEASE
                lease.update(owner=lease["claimant"], life=lease["claim"], until=until)


class Notices:
    async def tell(self, kind):
        pass


class Process:
    """One replica, and what its local engine runs: by shard, until when."""

    lives = count(1)

    def __init__(self, redis, name):
        self.redis, self.name = redis, name
        self.runs = {}
        self.stopped = False
        self.tenure = Tenure()
        self.custody = Custody(
            Leases(redis, name, f"{name}-{next(self.lives)}"), self.tenure, Notices(), lease_s=LEASE,
            grace_s=GRACE, metrics=Metrics(), clock=lambda: redis.now,
        )  # fmt: skip
        self.custody.owner = Owner(lambda _: None, self._lost, self._settled, lambda: [*self.runs], self._end)

    async def _lost(self, shards):
        pass

    async def _settled(self, shards):
        self.runs = {shard: end for shard, end in self.runs.items() if shard in shards}

    def _end(self, shards):
        for shard in shards:
            if self.runs.get(shard) == float("inf"):
                self.runs[shard] = self.redis.now + margin_s(GRACE) / 2

    def works(self, shard):
        return self.tenure.holds(shard)

    def runs_now(self, shard):
        return self.runs.get(shard, 0.0) > self.redis.now

    def look(self):
        try:
            done(self.custody.look())
        except TemporaryError:
            return

    def watch(self):
        """As `Replica` does."""
        self.tenure.run_out(self.redis.now)
        if self.tenure.overdue(self.redis.now):
            with suppress(TemporaryError):
                done(self.custody.renew())
            overdue = self.tenure.overdue(self.redis.now)
            self.tenure.ended(overdue)
            self._end(overdue)


class Replicas(RuleBasedStateMachine):
    """Each looks, runs tasks, is paused and goes on, dies and is born again; Redis is away, and forgets."""

    def __init__(self):
        super().__init__()
        self.redis = Redis()
        self.processes = {name: Process(self.redis, name) for name in NAMES}
        self.recorded = set()

    def awake(self):
        return [process for process in self.processes.values() if not process.stopped]

    @rule(name=st.sampled_from(NAMES))
    def look(self, name):
        if not self.processes[name].stopped:
            self.processes[name].watch()
            self.processes[name].look()

    @rule()
    def all_look(self):
        for name in NAMES:
            self.look(name)

    @rule(name=st.sampled_from(NAMES), shard=st.sampled_from(SHARDS))
    def run(self, name, shard):
        """A task begins, where nothing of the shard may still run elsewhere."""
        process = self.processes[name]
        if process in self.awake() and process.works(shard):
            elsewhere = process.tenure.unsettled_s(shard, self.redis.now) > 0
            if not elsewhere and self.redis.of(shard).get("epoch") == process.tenure.epoch(shard):
                process.runs[shard] = float("inf")
                self.recorded.add((process, shard))

    @rule(name=st.sampled_from(NAMES), shard=st.sampled_from(SHARDS))
    def end(self, name, shard):
        self.processes[name].runs.pop(shard, None)

    @rule(name=st.sampled_from(NAMES))
    def stop_or_go_on(self, name):
        process = self.processes[name]
        process.stopped = not process.stopped
        if not process.stopped:
            process.watch()

    @rule(name=st.sampled_from(NAMES))
    def die(self, name):
        self.processes[name] = Process(self.redis, name)

    @rule()
    def redis_goes_or_comes(self):
        self.redis.away = not self.redis.away

    @rule()
    def redis_forgets(self):
        """The tasks' records too, so that nobody can tell an end of what runs then."""
        self.redis.leases.clear()
        self.redis.replicas.clear()
        self.redis.now += 0.01  # an epoch is a time, in milliseconds
        self.recorded.clear()

    @rule(looks=st.integers(1, 12))
    def time_passes(self, looks):
        for _ in range(looks):
            self.redis.now += LEASE / 3
            for process in self.awake():
                process.watch()

    @rule(looks=st.integers(1, 12))
    def time_passes_with_looks(self, looks):
        for _ in range(looks):
            self.redis.now += LEASE / 3
            self.all_look()

    @invariant()
    def no_two_work_on_a_shard(self):
        for shard in SHARDS:
            rightful = [
                process.name
                for process in self.awake()
                if process.works(shard) and self.redis.of(shard).get("epoch") == process.tenure.epoch(shard)
            ]
            assert len(rightful) <= 1, rightful

    @invariant()
    def nobody_tells_an_end_of_what_runs(self):
        """A task is told as lost by who holds its settled shard; then nobody that is awake runs it."""
        for process in self.awake():
            for shard in process.tenure.shards:
                if process.tenure.unsettled_s(shard, self.redis.now) > 0:
                    continue
                if self.redis.of(shard).get("epoch") != process.tenure.epoch(shard):
                    continue  # Redis lets it write nothing
                for other in self.awake():
                    lost = other is not process and (other, shard) in self.recorded
                    assert not lost or not other.runs_now(shard), (process.name, other.name, shard)


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


class World:
    """Some replicas that look as often as real ones, with something running in every shard."""

    def __init__(self, names):
        self.redis = Redis()
        self.processes = [Process(self.redis, name) for name in names]
        self.due = {}
        for number, process in enumerate(self.processes):
            self.due[process] = self.redis.now + number * 0.7
        self.go(2 * LEASE)
        for process in self.processes:
            process.runs = dict.fromkeys(process.tenure.shards, float("inf"))
        assert sum(len(process.runs) for process in self.processes) == len(SHARDS)

    def go(self, seconds, *, away=False, paused=(), step=0.1):
        self.redis.away = away
        for _ in range(round(seconds / step)):
            self.redis.now += step
            for process in self.processes:
                if process in paused:
                    continue
                process.watch()
                if self.due[process] <= self.redis.now:
                    process.look()
                    self.due[process] = self.redis.now + (0.5 if away else LEASE / 3)
        self.redis.away = False

    def run(self):
        return sorted(
            shard for process in self.processes for shard in process.runs if process.runs_now(shard)
        )

    def homes(self):
        return {process.name: sorted(process.runs) for process in self.processes}


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:2], NAMES])
@pytest.mark.parametrize("phase", [0.0, 1.3, 2.6, 3.9])
@pytest.mark.parametrize("seconds", [0.5, 3, 11, 17, 40, 70])
def test_a_redis_that_is_away_costs_nobody_a_process(names, phase, seconds):
    world = World(names)
    homes = world.homes()
    world.go(phase)
    world.go(seconds, away=True)
    world.go(3 * LEASE)
    assert world.run() == [*SHARDS]
    assert world.homes() == homes
    for process in world.processes:
        assert process.tenure.shards == set(process.runs)
        assert not process.tenure.lapsed


def test_after_the_grace_processes_are_ended_though_redis_says_nothing():
    world = World(NAMES[:2])
    world.go(LEASE + GRACE - LEASE / 3 - 1, away=True)
    assert world.run() == [*SHARDS]
    world.go(LEASE / 3 + 2 + margin_s(GRACE) / 2, away=True)
    assert world.run() == []


@pytest.mark.parametrize("seconds", [0.5, 3, 20, 60])
def test_a_replica_that_was_paused_gets_back_what_it_runs(seconds):
    world = World(NAMES)
    first, *others = world.processes
    homes = world.homes()
    world.go(seconds, paused=[first])
    if seconds > LEASE:
        assert sum(len(each.tenure.shards) for each in others) == len(SHARDS), "the others have taken them"
        for shard in first.runs:
            [holder] = [each for each in others if each.works(shard)]
            assert holder.tenure.unsettled_s(shard, world.redis.now) > 0
    world.go(3 * LEASE)
    assert (world.run(), world.homes()) == ([*SHARDS], homes)
    assert first.tenure.shards == set(first.runs)


def test_a_replica_that_was_paused_for_longer_than_the_grace_ends_what_it_runs():
    world = World(NAMES)
    first = world.processes[0]
    lost = [*first.runs]
    world.go(GRACE + 2 * LEASE, paused=[first])
    world.go(LEASE)
    assert not first.runs
    for shard in lost:
        [holder] = [each for each in world.processes if each.works(shard)]
        assert holder is not first or holder.tenure.unsettled_s(shard, world.redis.now) == 0


def test_a_lone_replica_that_was_paused_finds_its_leases_untouched():
    world = World(NAMES[:1])
    [only] = world.processes
    world.go(10 * GRACE, paused=[only])
    world.go(1)
    assert world.run() == [*SHARDS]
    assert only.tenure.shards == {*SHARDS}


def test_a_replica_that_has_died_is_taken_over_after_a_lease_and_told_of_after_the_grace():
    world = World(NAMES[:2])
    dead, heir = world.processes
    lost, left = [*dead.runs], LEASE + LEASE / 3
    world.processes.remove(dead)
    world.go(left)
    assert heir.tenure.shards == {*SHARDS}
    for shard in lost:
        left_s = heir.tenure.unsettled_s(shard, world.redis.now)
        assert GRACE - LEASE / 3 < left_s <= GRACE + margin_s(GRACE)
    # an heir of the heir waits no less: Redis keeps the time
    world.processes.remove(heir)
    last = Process(world.redis, "last")
    world.processes, world.due[last] = [last], 0
    world.go(3 * LEASE)
    assert last.tenure.shards == {*SHARDS}
    assert all(last.tenure.unsettled_s(shard, world.redis.now) > 0 for shard in lost)
    world.go(GRACE + margin_s(GRACE))
    assert all(last.tenure.unsettled_s(shard, world.redis.now) == 0 for shard in lost)


def test_leases_that_redis_forgets_are_made_again_by_those_who_have_them():
    world = World(NAMES)
    homes = world.homes()
    epochs = [process.tenure.epochs() for process in world.processes]
    world.redis.leases.clear()
    world.redis.replicas.clear()
    world.go(LEASE)
    assert world.homes() == homes
    assert [process.tenure.epochs() for process in world.processes] == epochs


@pytest.mark.parametrize("hours", [1, -1])
def test_redis_clock_may_jump(hours):
    world = World(NAMES)
    homes = world.homes()
    world.redis.ahead = hours * 3600
    world.go(3 * LEASE)
    assert world.homes() == homes
    assert all(process.tenure.shards == set(process.runs) for process in world.processes)


def test_who_stops_hands_over_at_once_to_whoever_looks_next():
    world = World(NAMES[:2])
    gone, heir = world.processes
    world.processes.remove(gone)
    done(gone.custody._leases.let_go(gone.tenure.epochs()))
    heir.look()
    del world.redis.replicas[gone.name]
    heir.look()
    assert heir.tenure.shards == {*SHARDS}
    assert all(heir.tenure.unsettled_s(shard, world.redis.now) == 0 for shard in SHARDS)
