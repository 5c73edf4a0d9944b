from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translator.service.shares import moves, share

NAMES = [f"replica-{number}" for number in range(6)]

replicas = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)


@st.composite
def situations(draw):
    """Replicas at work, and who holds what; some leases are of replicas that have gone."""
    names = draw(replicas)
    owners = draw(st.lists(st.sampled_from(["", "gone", *NAMES]), min_size=1, max_size=40))
    return names, dict(enumerate(owners))


def in_turns(names, owners, pinned=frozenset()):
    """Every replica looks and moves, one after the other, until nobody wants to; returns the moves."""
    owners, count = dict(owners), 0
    for _ in range(100):
        before = dict(owners)
        for me in names:
            wanted = moves(me, names, owners, [s for s in pinned if owners[s] == me])
            for shard in wanted.give:
                assert owners[shard] == me
                owners[shard] = ""
            for shard in wanted.take:
                assert owners[shard] == ""
                owners[shard] = me
                count += 1
        if owners == before:
            return owners, count
    raise AssertionError("it never came to rest")


@given(situations())
def test_the_shares_are_fair_and_are_all(situation):
    names, owners = situation
    shares = [share(me, names, owners) for me in names]
    assert sum(shares) == len(owners)
    assert max(shares) - min(shares) <= 1


@given(situations())
def test_nobody_takes_what_is_held_or_gives_what_is_not_his(situation):
    names, owners = situation
    for me in names:
        wanted = moves(me, names, owners, ())
        assert all(owners[shard] == "" for shard in wanted.take)
        assert all(owners[shard] == me for shard in wanted.give)
        assert not (wanted.take and wanted.give)
        assert wanted == moves(me, names[::-1], dict(reversed(owners.items())), ()), "the order decides"


@given(situations())
def test_it_comes_to_rest_with_everything_held_by_as_few_moves_as_possible(situation):
    names, owners = situation
    owners = {shard: owner if owner in names else "" for shard, owner in owners.items()}
    held = {me: sum(1 for owner in owners.values() if owner == me) for me in names}
    after, moved = in_turns(names, owners)
    counts = {me: sum(1 for owner in after.values() if owner == me) for me in names}
    assert sum(counts.values()) == len(owners)
    assert max(counts.values()) - min(counts.values()) <= 1
    least, more = divmod(len(owners), len(names))
    bigger = sorted(held.values(), reverse=True)[:more]
    smaller = sorted(held.values(), reverse=True)[more:]
    kept = sum(min(count, least + 1) for count in bigger) + sum(min(count, least) for count in smaller)
    assert moved == len(owners) - kept


@given(situations(), st.sets(st.integers(0, 39)))
def test_what_cannot_move_stays(situation, pinned):
    names, owners = situation
    owners = {shard: owner if owner in names else "" for shard, owner in owners.items()}
    pinned = {shard for shard in pinned if owners.get(shard)}
    after, _ = in_turns(names, owners, pinned)
    assert all(after[shard] == owners[shard] for shard in pinned)
    assert all(after.values())


@given(st.integers(1, 64), replicas)
def test_one_that_joins_costs_its_own_share_only(count, names):
    owners, _ = in_turns(names, dict.fromkeys(range(count), ""))
    after, moved = in_turns([*names, "new"], owners)
    assert moved == sum(1 for owner in after.values() if owner == "new")
    assert {s: o for s, o in after.items() if o != "new"}.items() <= owners.items()
