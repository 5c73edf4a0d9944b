from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.integration.service.rounds import cloud_task, revoke
from translator.engine.local.engine import LocalEngine
from translator.errors import PermanentError, TemporaryError
from translator.observe.observation import LogLines, Visibility, WorkflowSeen

TICKS = "for n in 1 2 3 4 5 6; do echo $n; sleep 0.05; done"


class Troubled(LocalEngine):
    """Raises what it is given, one error a call, before it works."""

    def __init__(self, root, **troubles):
        super().__init__(root=root, bubblewrap=False, grace=0.2)
        self.troubles = troubles

    def _raise_next(self, name):
        if self.troubles.get(name):
            raise self.troubles[name].pop(0)

    async def submit(self, rendered):
        self._raise_next("submit")
        return await super().submit(rendered)

    async def follow(self, ref, cursors, attempt=None):
        count = 0
        async for seen in super().follow(ref, cursors, attempt):
            count += 1
            if count == 3:
                self._raise_next("follow")
            yield seen

    async def terminate(self, ref):
        self._raise_next("terminate")
        await super().terminate(ref)

    async def release(self, ref):
        self._raise_next("release")
        await super().release(ref)


def away(count=2):
    return [TemporaryError("the cluster is away") for _ in range(count)]


def refused():
    return PermanentError("the cluster refuses", reason="Forbidden", remedy="grant it")


@pytest.fixture
def troubled(start_round, tmp_path):
    return lambda **troubles: start_round(engine=Troubled(tmp_path / "troubled", **troubles))


@pytest.mark.parametrize("call", ["submit", "follow", "release"])
async def test_an_engine_that_is_away_for_a_while_is_asked_again(troubled, call):
    async with troubled(**{call: away()}) as round_:
        await round_.post(cloud_task("t1", TICKS))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == list("123456")


async def test_an_unexpected_error_of_the_engine_loses_nothing(troubled):
    async with troubled(follow=[ValueError("a bug"), KeyError("another")]) as round_:
        await round_.post(cloud_task("t1", TICKS))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == list("123456")


async def test_a_termination_is_ordered_until_it_is_taken(troubled):
    async with troubled(terminate=away()) as round_:
        await round_.post(cloud_task("t1", "sleep 60", timeout=1))
        assert (await round_.outcome("t1"))["phase"] == "TimedOut"


@pytest.mark.parametrize("call", ["submit", "follow"])
async def test_what_the_engine_refuses_ends_the_task_with_its_reason(troubled, call):
    async with troubled(**{call: [refused()]}) as round_:
        await round_.post(cloud_task("t1", TICKS, "echo never"))
        final = await round_.outcome("t1")
    assert (final["phase"], final["reason"], final["message"]) == (
        "Error",
        "Forbidden",
        "the cluster refuses",
    )


async def test_a_release_that_is_refused_does_not_keep_the_task_open(troubled):
    async with troubled(release=[refused()]) as round_:
        await round_.post(cloud_task("t1", "true"))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"


async def test_a_revocation_wins_over_a_step_that_fails_by_it(troubled):
    async with troubled() as round_:
        await round_.post(
            cloud_task("t1", {"script": "echo up; sleep 60", "onError": "continue"}, "echo after")
        )
        async for event in round_.stand_in.events():
            if event["kind"] == "log":
                break
        await round_.post(revoke("t1"))
        assert (await round_.outcome("t1"))["phase"] == "Cancelled"
        assert round_.lines("t1") == ["up"]


def lacks_the_token():
    return TemporaryError("no Secret", reason="ExecutorTokenMissing", retry_after=0.05)


async def test_a_task_that_waits_for_what_somebody_must_make_says_so_and_goes_on(troubled):
    async with troubled(submit=[lacks_the_token() for _ in range(3)]) as round_:
        await round_.post(cloud_task("t1", "echo up"))
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert statuses(round_)[:3] == [
            ("Pending", None),
            ("Pending", "ExecutorTokenMissing"),
            ("Pending", None),
        ]


async def test_a_task_that_waits_for_what_somebody_must_make_can_be_revoked(troubled):
    async with troubled(submit=[lacks_the_token() for _ in range(1000)]) as round_:
        await round_.post(cloud_task("t1", "echo never"))
        async for event in round_.stand_in.events():
            if event.get("reason") == "ExecutorTokenMissing":
                break
        await round_.post(revoke("t1"))
        assert (await round_.outcome("t1"))["phase"] == "Cancelled"
        assert round_.lines("t1") == []


class Blinded(LocalEngine):
    """Sees nothing any more after a step's first line, until it is given its sight back."""

    def __init__(self, root):
        super().__init__(root=root, bubblewrap=False, grace=0.2)
        self.sees = asyncio.Event()
        self.orders = []

    async def follow(self, ref, cursors, attempt=None):
        async for seen in super().follow(ref, cursors, attempt):
            yield seen
            if isinstance(seen, LogLines) and seen.lines and not self.sees.is_set():
                yield Visibility("connection refused")
                await self.sees.wait()
                yield Visibility("")

    async def terminate(self, ref):
        if not self.sees.is_set():
            raise TemporaryError("connection refused")
        self.orders.append("terminate")
        await super().terminate(ref)

    async def release(self, ref):
        if not self.sees.is_set():
            raise TemporaryError("connection refused")
        self.orders.append("release")
        await super().release(ref)


def statuses(round_):
    return [
        (event["phase"], event.get("reason"))
        for event in round_.stand_in.ledger.kept
        if event["kind"] == "status"
    ]


async def test_a_workflow_that_is_unseen_for_a_while_goes_on(start_round, tmp_path):
    engine = Blinded(tmp_path / "engine")
    async with start_round(engine=engine) as round_:
        await round_.post(cloud_task("t1", "echo one; sleep 0.5; echo two"))
        while ("Running", "ClusterUnreachable") not in statuses(round_):  # noqa: ASYNC110 - told to the stand-in
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        engine.sees.set()
        assert (await round_.outcome("t1"))["phase"] == "Succeeded"
        assert round_.lines("t1") == ["one", "two"]
        assert statuses(round_)[-3:] == [
            ("Running", "ClusterUnreachable"),
            ("Running", None),
            ("Succeeded", None),
        ]


async def test_a_workflow_that_nobody_sees_any_more_ends_as_unobserved(start_round, tmp_path):
    engine = Blinded(tmp_path / "engine")
    async with start_round(engine=engine, unseen_seconds=1) as round_:
        await round_.post(cloud_task("t1", "echo one; sleep 60", "echo never", timeout=1))
        async with asyncio.timeout(20):
            final = await round_.stand_in.final("t1")
        assert (final["phase"], final["reason"]) == ("Error", "Unobserved")
        assert final["message"] == "outcome unknown: connection refused"
        gaps = [event["step"] for event in round_.stand_in.ledger.kept if event["kind"] == "gap"]
        assert gaps == [step["name"] for step in final["steps"]]  # the second may have begun, unseen
        assert engine.orders == []
        # the order to end it waits until it can be given
        engine.sees.set()
        await round_.closed("t1")
        assert engine.orders == ["terminate", "release"]


class Forgiving(LocalEngine):
    """Calls every Workflow that has ended Succeeded, as Argo does where a DAG names no target."""

    async def follow(self, ref, cursors, attempt=None):
        async for seen in super().follow(ref, cursors, attempt):
            status = seen.object["status"] if isinstance(seen, WorkflowSeen) else {}
            yield (
                WorkflowSeen({**seen.object, "status": {**status, "phase": "Succeeded"}})
                if status.get("finishedAt")
                else seen
            )


async def test_a_verdict_that_differs_from_argos_phase_is_counted_and_logged(start_round, tmp_path, http):
    engine = Forgiving(root=tmp_path / "forgiving", bubblewrap=False, grace=0.2)
    with capture_logs() as logs:
        async with start_round(engine=engine) as round_:
            await round_.post(cloud_task("t1", "exit 3", {"script": "echo never", "onError": "continue"}))
            final = await round_.outcome("t1")
            await round_.post(cloud_task("t2", "true", {"script": "exit 3", "onError": "continue"}))
            assert (await round_.outcome("t2"))["phase"] == "Succeeded"
            async with http.get(round_.url + "/metrics") as answer:
                figures = await answer.text()
    assert (final["phase"], final["reason"]) == ("Failed", "StepFailed")
    assert [step["phase"] for step in final["steps"]] == ["Failed", "Skipped"]
    name = "translator_argo_phases_overruled_total{"
    told = [line for line in figures.splitlines() if line.startswith(name)]
    assert told == ['translator_argo_phases_overruled_total{argo="Succeeded",phase="Failed"} 1.0']
    [line] = [line for line in logs if line["event"] == "the task ended otherwise than its Workflow"]
    assert (line["phase"], line["argo"], line["log_level"]) == ("Failed", "Succeeded", "warning")
