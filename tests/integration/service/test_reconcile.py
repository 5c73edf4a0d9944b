"""State that was really broken: each kind of discrepancy is found and mended, and a normal run has none."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.integration.service.rounds import cloud_task, eventually
from translator.engine.local.engine import LocalEngine
from translator.errors import TemporaryError
from translator.observe.reasons import RUNNER_LOST
from translator.observe.recovery import GAP, TAKEN_UP
from translator.service.submit import Submitter
from translator.store.connect import connect
from translator.store.embedded import Embedded
from translator.store.store import Store

TICKS = "i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); sleep 0.05; done"
NUMBERS = [str(n) for n in range(40)]
NEVER = 3600.0
"""No sweep finds what the reconciler is to find."""


class Outliving(LocalEngine):
    """Goes on when the service stops, as a cluster does."""

    async def close(self):
        pass


@pytest.fixture
async def engine(tmp_path):
    made = Outliving(root=tmp_path / "kept", bubblewrap=False, grace=0.5)
    yield made
    await LocalEngine.close(made)


@pytest.fixture
def start(start_round):
    def with_settings(**options):
        return start_round(**{"settle_seconds": 0.1, "reconcile_seconds": NEVER, **options})

    return with_settings


@pytest.fixture
def own_valkey(tmp_path):
    server = Embedded(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


async def first_log(stand_in, task_id, line="0"):
    async for event in stand_in.events():
        if event["kind"] == "log" and event["taskId"] == task_id and line in event["lines"]:
            return


def of(stand_in, task_id, kind):
    return [each for each in stand_in.ledger.kept if each["taskId"] == task_id and each["kind"] == kind]


def told_again(lines):
    """Lines of one step that were told once more from the start: all of them are there, each run in order."""
    restart = len(lines) - len(NUMBERS)
    return lines[restart:] == NUMBERS and lines[:restart] == NUMBERS[:restart]


async def cut(flow, task_id):
    """A worker dies of a fault of ours, which nothing else notices before a restart."""
    await flow._workers._cut([task_id])


async def delivered(round_, task_id):
    """Nothing of the task moves any more but by a mend."""

    async def all_of_it():
        return not (await round_.store.describe([task_id]))[task_id].backlog

    await eventually(all_of_it)


async def mends(round_):
    text = (await round_.service.desk.metrics()).decode()
    return {
        line.partition('kind="')[2].partition('"')[0]
        for line in text.splitlines()
        if line.startswith("translator_mends_total{")
    }


async def finals(round_, task_id):
    return [each["phase"] for each in of(round_.stand_in, task_id, "status") if "steps" in each]


async def test_a_normal_run_mends_nothing(start):
    async with start(reconcile_seconds=0.05, settle_seconds=0.02) as round_:
        await round_.post(*(cloud_task(f"t{n}", "echo 1; sleep 0.2; echo 2", "echo 3") for n in range(12)))
        await round_.post(cloud_task("bad", "exit 3"), cloud_task("late", "sleep 60", timeout=1))
        for n in range(12):
            assert (await round_.outcome(f"t{n}"))["phase"] == "Succeeded"
        await round_.outcome("bad")
        await round_.outcome("late")
        assert await round_.service.reconciler.round() == []
        assert await mends(round_) == set()


async def test_a_restart_mends_nothing(start):
    async with start() as old:
        await old.post(cloud_task("t1", TICKS))
        await first_log(old.stand_in, "t1")
    async with start(reconcile_seconds=0.1) as new:
        await new.outcome("t1")
        assert new.lines("t1") == NUMBERS
        assert await mends(new) == set()


async def test_redis_is_emptied_while_nobody_looks(start, redis):
    async with start() as old:
        await old.post(cloud_task("t1", TICKS, "echo second"))
        await first_log(old.stand_in, "t1", "5")
    held = len(old.stand_in.ledger.kept)
    await redis.flushall()
    async with start() as new:
        final = await new.outcome("t1")
        assert final["phase"] == "Succeeded"
        assert await finals(new, "t1") == ["Succeeded"]
        assert await mends(new) == {"record-lost"}
        taken_up = new.stand_in.ledger.kept[held]
        assert (taken_up["kind"], taken_up["message"]) == ("status", TAKEN_UP)
        [gap] = of(new.stand_in, "t1", "gap")
        assert (gap["step"], gap["why"]) == ("s1", GAP)
        lines = new.lines("t1")
        assert lines[-1] == "second"
        assert told_again(lines[:-1])
        [answer] = await new.post(cloud_task("t1", TICKS, "echo second"))
        assert answer["outcome"] == "duplicate"
        retried = await new.service.desk.retry("t1")
        assert retried.outcome == "accepted"
        second = await new.stand_in.final("t1", 2)
        assert second["phase"] == "Succeeded"


async def test_secrets_that_redis_has_lost_are_not_told(start, redis):
    async with start() as old:
        script = TICKS.replace("echo $i", "echo $codo_token $i")
        await old.post(cloud_task("t1", script, scriptParams={"token": "hush-hush"}))
        await first_log(old.stand_in, "t1", "*** 5")
    await redis.flushall()
    async with start() as new:
        await new.outcome("t1")
        assert new.lines("t1")[-1] == "***"
        assert "hush" not in str(new.stand_in.ledger.kept)
        assert (await new.service.desk.retry("t1")).outcome == "rejected"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_the_process_dies_while_it_makes_a_record_again(start, redis, monkeypatch, moment):
    async with start() as old:
        await old.post(cloud_task("t1", TICKS))
        await first_log(old.stand_in, "t1", "5")
    await redis.flushall()
    there = asyncio.Event()
    rebuild = Store.rebuild

    async def dies(*args):
        if moment == "after":
            await rebuild(*args)
        there.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Store, "rebuild", dies)
        async with start():
            await there.wait()
    async with start() as new:
        assert (await new.outcome("t1"))["phase"] == "Succeeded"
        assert await finals(new, "t1") == ["Succeeded"]
        assert told_again(new.lines("t1"))
        assert [each["why"] for each in of(new.stand_in, "t1", "gap")] == [GAP]


async def test_redis_is_emptied_in_mid_run(start, redis):
    async with start() as round_:
        await round_.post(cloud_task("t1", TICKS), cloud_task("t2", TICKS))
        await first_log(round_.stand_in, "t1", "5")
        await redis.flushall()
        for task_id in ("t1", "t2"):
            assert (await round_.outcome(task_id))["phase"] == "Succeeded"
            assert await finals(round_, task_id) == ["Succeeded"]
            assert told_again(round_.lines(task_id))
            assert [each["why"] for each in of(round_.stand_in, task_id, "gap")] == [GAP]
        assert await mends(round_) == {"record-lost"}


async def test_it_had_ended_and_was_told_before_redis_was_emptied(start, redis, monkeypatch):
    async def kept(*_):
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Outliving, "release", kept)
        async with start() as old:
            await old.post(cloud_task("t1", "echo 1"))
            await old.stand_in.final("t1")
    held = list(old.stand_in.ledger.kept)
    await redis.flushall()
    async with start() as new:

        async def is_released():
            return not [each async for each in new.service._engine.holdings()]

        await eventually(is_released)
        await new.closed("t1")
        assert new.stand_in.ledger.kept == held
        assert new.stand_in.ledger.violations == []
        assert (await new.service.desk.task("t1"))["phase"] == "Succeeded"


async def test_a_workflow_of_a_task_that_agent_server_does_not_know_is_left_alone(start, redis):
    async with start(server="http://127.0.0.1:9") as old:
        await old.post(cloud_task("t1", "sleep 60"))

        async def runs():
            return [each async for each in old.service._engine.holdings()]

        await eventually(runs)
    await redis.flushall()
    async with start() as new:
        assert await new.service.reconciler.round() == []
        assert [each.task_id async for each in new.service._engine.holdings()] == ["t1"]
        assert await new.store.load("t1") is None


async def test_a_workflow_of_another_installation_is_left_alone(start, redis):
    async with start(installation="theirs") as old:
        await old.post(cloud_task("t1", TICKS))
        await first_log(old.stand_in, "t1")
    await redis.flushall()
    async with start(installation="ours") as new:
        assert await new.service.reconciler.round() == []
        assert await new.store.load("t1") is None


async def test_a_submission_that_its_workflow_could_not_carry_is_told_but_not_retried(start, redis):
    big = cloud_task("t1", TICKS + "\n" + "# a comment\n" * 10_000)
    async with start() as old:
        await old.post(big)
        await first_log(old.stand_in, "t1")
    await redis.flushall()
    async with start() as new:
        assert (await new.outcome("t1"))["phase"] == "Succeeded"
        answer = await new.service.desk.retry("t1")
        assert answer.outcome == "rejected"
        assert answer.problems[0].code == "submission-lost"
        assert answer.problems[0].hint
        [again] = await new.post(big)
        assert again["outcome"] == "duplicate"


async def test_an_older_redis_is_restored(start, own_valkey, tmp_path):
    redis = connect(own_valkey.socket)
    store = Store(redis, shards=4, keep_s=60)
    async with start(store=store) as old:
        await old.post(cloud_task("t1", TICKS))
        await first_log(old.stand_in, "t1", "2")
    own_valkey.kill()
    shutil.copytree(tmp_path / "valkey", tmp_path / "older")
    own_valkey.start()
    async with start(store=store) as between:
        await first_log(between.stand_in, "t1", "12")
    own_valkey.kill()
    shutil.rmtree(tmp_path / "valkey")
    shutil.copytree(tmp_path / "older", tmp_path / "valkey")
    own_valkey.start()
    async with start(store=store) as new:
        assert (await new.outcome("t1"))["phase"] == "Succeeded"
        assert await finals(new, "t1") == ["Succeeded"]
        assert await mends(new) == {"record-set-back"}
        assert told_again(new.lines("t1"))
        assert [each["why"] for each in of(new.stand_in, "t1", "gap")] == [GAP]
    await redis.aclose()


async def test_a_failover_loses_the_last_writes_in_mid_run(start, redis):
    """As a replica does that was promoted before it had them: the record is as it was some events ago."""
    async with start() as round_:
        await round_.post(cloud_task("t1", TICKS))
        await first_log(round_.stand_in, "t1", "3")
        [key] = [key async for key in redis.scan_iter("translator:*:task:t1")]
        older = await redis.dump(key)
        await first_log(round_.stand_in, "t1", "10")
        await redis.restore(key, 0, older, replace=True)
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert await finals(round_, "t1") == ["Succeeded"]
        assert told_again(round_.lines("t1"))
        assert await mends(round_) == {"record-set-back"}


async def test_a_task_that_is_accepted_again_before_it_is_found(start, redis):
    async with start() as old:
        await old.post(cloud_task("t1", TICKS))
        await first_log(old.stand_in, "t1", "5")
    await redis.flushall()
    async with start(settle_seconds=30) as new:
        await new.post(cloud_task("t1", TICKS))
        assert (await new.outcome("t1"))["phase"] == "Succeeded"
        assert await finals(new, "t1") == ["Succeeded"]
        assert told_again(new.lines("t1"))


@pytest.mark.parametrize("index", ["inbox", "open"])
async def test_an_accepted_task_that_nobody_knows_of_is_submitted(start, redis, index):
    async with start(sweep_seconds=NEVER) as round_:
        await round_.service._parts.submitter.stop()
        await round_.post(cloud_task("t1", "echo 1"))
    [key] = [key async for key in redis.scan_iter("translator:*:inbox")]
    if index == "inbox":
        await redis.delete(key)
    else:
        await redis.delete(key, key.replace(b":inbox", b":open"))
    async with start() as new:
        await new.service.reconciler.round()
        assert await mends(new) & {"index-inbox", "not-submitted"}
        assert (await new.outcome("t1"))["phase"] == "Succeeded"


async def test_a_task_in_the_inbox_that_nobody_was_woken_for_is_submitted(start, store, redis):
    async with start(sweep_seconds=NEVER) as round_:
        other = Store(redis, shards=4, keep_s=60)
        async with start(store=other, sweep_seconds=NEVER) as dumb:
            dumb.service._parts.submitter._workers._stopped = True
            await dumb.post(cloud_task("t1", "echo 1"))

            async def is_told():
                return (await store.load("t1")).acked == (1, 1)

            await eventually(is_told)
            assert ("t1", "not-submitted") in await round_.service.reconciler.round()
            assert (await round_.outcome("t1"))["phase"] == "Succeeded"


async def test_a_workflow_that_the_record_does_not_know_is_adopted(start, redis, monkeypatch):
    async def dies(*_, **__):
        raise TemporaryError("the process died here", retry_after=NEVER)

    with monkeypatch.context() as patch:
        patch.setattr(Submitter, "_record", dies)
        async with start() as old:
            await old.post(cloud_task("t1", TICKS))

            async def runs():
                return [each async for each in old.service._engine.holdings()]

            await eventually(runs)
    async with start(sweep_seconds=NEVER) as new:
        assert (await new.outcome("t1"))["phase"] == "Succeeded"
        assert new.lines("t1") == NUMBERS
        assert of(new.stand_in, "t1", "gap") == []


async def test_what_nobody_works_at_is_taken_up(start, store, redis):
    """A worker that died of a fault of ours, which nothing else would notice before a restart."""
    async with start(sweep_seconds=NEVER) as round_:
        await round_.post(cloud_task("t1", TICKS))
        await first_log(round_.stand_in, "t1", "1")
        workers = round_.service._parts.follower._workers
        workers._running["t1"].cancel()
        assert ("t1", "not-followed") in await round_.service.reconciler.round()
        await round_.service._parts.deliverer._workers._cut(
            list(round_.service._parts.deliverer._workers._running)
        )
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == NUMBERS


async def test_a_workflow_whose_record_nobody_writes_is_adopted(start, monkeypatch):
    """It was created, that was not recorded, and the worker that was to do it died of a fault of ours."""
    created = asyncio.Event()

    async def dies(*_, **__):
        created.set()
        await asyncio.Event().wait()

    async with start(sweep_seconds=NEVER) as round_:
        with monkeypatch.context() as patch:
            patch.setattr(Submitter, "_record", dies)
            await round_.post(cloud_task("t1", TICKS))
            await created.wait()
            await cut(round_.service._parts.submitter, "t1")
        await delivered(round_, "t1")
        assert ("t1", "not-recorded") in await round_.service.reconciler.round()
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == NUMBERS
        assert "not-recorded" in await mends(round_)


async def test_a_workflow_that_has_ended_unseen_is_followed_to_its_end(start, engine):
    async with start(sweep_seconds=NEVER) as round_:
        await round_.post(cloud_task("t1", TICKS))
        await first_log(round_.stand_in, "t1", "1")
        await cut(round_.service._parts.follower, "t1")
        await delivered(round_, "t1")

        async def ended():
            return [each async for each in engine.holdings() if each.ended]

        await eventually(ended)
        assert not (await round_.store.load("t1")).state.final
        assert ("t1", "not-reported") in await round_.service.reconciler.round()
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == NUMBERS


async def test_a_workflow_that_was_deleted_unseen_is_told_of(start, engine):
    async with start(sweep_seconds=NEVER) as round_:
        await round_.post(cloud_task("t1", "echo 0; sleep 60"))
        await first_log(round_.stand_in, "t1")
        await cut(round_.service._parts.follower, "t1")
        await delivered(round_, "t1")
        await engine.release((await round_.store.load("t1")).workflow)
        assert ("t1", "workflow-gone") in await round_.service.reconciler.round()
        final = await round_.outcome("t1")
        assert (final["phase"], final["reason"]) == ("Error", RUNNER_LOST)


async def test_events_that_nobody_delivers_are_delivered(start):
    async with start(sweep_seconds=NEVER) as round_:
        deliverer = round_.service._parts.deliverer
        wake, deliverer._workers.wake = deliverer._workers.wake, lambda _: None
        await round_.post(cloud_task("t1", "echo 1"))

        async def ended():
            record = await round_.store.load("t1")
            return record.state.final and record.released

        await eventually(ended)
        deliverer._workers.wake = wake
        assert ("t1", "not-delivered") in await round_.service.reconciler.round()
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == ["1"]


async def test_a_shard_that_is_lost_is_asked_about_no_more(start, monkeypatch):
    """Agent-server is away, and the question what it holds of a task waits to be asked again."""
    async with start(sweep_seconds=NEVER) as round_:
        service, asked = round_.service, asyncio.Event()

        async def away(_):
            asked.set()
            raise TemporaryError("no answer", retry_after=NEVER)

        monkeypatch.setattr(service._sender, "known", away)
        await round_.post(cloud_task("t1", "sleep 60"))
        service._parts.rechecks.wake("t1")
        await asked.wait()
        monkeypatch.setattr(service._parts.rechecks, "_mine", lambda _: False)
        await service._on_lost(range(4))
        assert not service._parts.rechecks.busy("t1")


async def test_what_comes_again_after_redis_lost_it_uses_no_number_twice(start, store, redis):
    """However long ago that was: agent-server is asked what it holds before anything is told."""
    await store.open()
    async with start() as round_:

        async def settled():
            return not round_.service.reconciler.unsettled

        await round_.post(cloud_task("ended", "echo one; echo two"), cloud_task("retried", "exit 3"))
        await round_.outcome("ended")
        await round_.outcome("retried")
        assert (await round_.service.desk.retry("retried")).outcome == "accepted"
        await round_.stand_in.final("retried", 2)
        await round_.closed("retried")
        held = list(round_.stand_in.ledger.kept)
        await eventually(settled)
        await redis.flushall()
        await round_.service.reconciler.round()
        await eventually(settled)
        again = await round_.post(cloud_task("ended", "echo other"), cloud_task("retried", "echo other"))
        assert [answer["outcome"] for answer in again] == ["accepted", "accepted"]
        number = (await round_.store.load("ended")).state.attempt
        assert number > 10**9, "the time: no attempt had that"
        assert (await round_.stand_in.final("ended", number))["phase"] == "Succeeded"
        number = (await round_.store.load("retried")).state.attempt
        for attempt in (number, number + 1):
            assert (await round_.stand_in.final("retried", attempt))["phase"] == "Succeeded"
            await round_.closed("retried")
            assert (await round_.service.desk.retry("retried")).outcome == "accepted"
        kept = round_.stand_in.ledger.kept
        assert kept[: len(held)] == held
        assert not [each for each in kept[len(held) :] if each["attempt"] < 10**9]
        assert round_.stand_in.ledger.violations == []
        await round_.post(cloud_task("new", "echo new"))
        assert (await round_.outcome("new"))["phase"] == "Succeeded"
        assert round_.lines("new") == ["new"]


async def test_a_process_notices_that_redis_has_lost_everything_and_names_the_data_anew(redis):
    one, two = (Store(redis, shards=4, keep_s=60) for _ in range(2))
    await one.open()
    await two.open()
    await one.watch_for_loss()
    assert not one.lost
    await redis.flushall()
    await one.watch_for_loss()
    await two.watch_for_loss()
    assert one.lost
    assert two.lost
    three = Store(redis, shards=4, keep_s=60)
    await three.open()
    await three.watch_for_loss()
    assert not three.lost


async def test_a_task_that_ends_while_its_lost_record_is_looked_for_is_told_to_its_end(start, store, redis):
    await store.open()
    async with start(settle_seconds=1.0) as round_:
        await round_.post(cloud_task("t1", "echo 0; sleep 2; echo 1"))
        await first_log(round_.stand_in, "t1")
        await asyncio.sleep(1.5)
        await cut(round_.service._parts.follower, "t1")
        await redis.flushall()
        # it runs at the first look, and has ended at the second
        assert await round_.service.reconciler.round() == [("t1", "record-lost")]
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1")[-1] == "1"
