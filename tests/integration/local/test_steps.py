"""Steps as real processes: order, outcomes, time limits, cancelling."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.local.scenario import alive, container, content, dag, script, until, watch
from translator.engine.local.engine import LocalEngine
from translator.errors import PermanentError
from translator.observe import reasons
from translator.observe.observation import Verdict, WorkflowGone

DEADLINE = "Pod was active on the node longer than the specified deadline"
SHUTDOWN = "workflow shutdown with strategy:  Terminate"
OMITTED = "omitted: depends condition not met"


async def test_steps_run_in_order(plain: LocalEngine):
    told = await watch(plain, await plain.submit(dag(script("a", "echo one"), script("b", "echo two >&2"))))
    assert told.phase == "Succeeded"
    assert told.lines == {"a": ["one"], "b": ["two"]}
    assert told.node("b") == ("Succeeded", "", "0")
    assert told.nodes["a"]["finishedAt"] <= told.nodes["b"]["startedAt"]


@pytest.mark.parametrize(
    ("source", "code"),
    [("exit 3", "3"), ("exit 137", "137"), ("kill -9 $$", "137"), ("kill -TERM $$", "143")],
)
async def test_a_failed_step_stops_the_task(plain: LocalEngine, source: str, code: str):
    told = await watch(plain, await plain.submit(dag(script("a", source), script("b", "echo never"))))
    assert told.phase == "Failed"
    assert told.node("a") == ("Failed", f"main: Error (exit code {code})", code)
    assert told.node("b") == ("Omitted", OMITTED, None)
    assert "b" not in told.lines


async def test_continue_on(plain: LocalEngine):
    told = await watch(
        plain, await plain.submit(dag(script("a", "exit 7", go_on=True), script("b", "echo on")))
    )
    assert told.phase == "Succeeded"
    assert told.node("a") == ("Failed", "main: Error (exit code 7)", "7")
    assert told.lines["b"] == ["on"]


async def test_a_step_that_may_fail_does_not_hide_the_failure_before_it(plain: LocalEngine):
    build, notify = script("build", "exit 3"), script("notify", "echo never", go_on=True)
    told = await watch(plain, await plain.submit(dag(build, notify)))
    assert told.phase == "Failed"
    assert told.node("notify")[0] == "Omitted"


async def test_a_step_inherits_no_ignored_signal_and_no_umask(plain: LocalEngine):
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    umask = os.umask(0o077)
    try:
        source = "umask; grep SigIgn /proc/$$/status; kill -HUP $$; echo never"
        told = await watch(plain, await plain.submit(dag(script("a", source))))
    finally:
        os.umask(umask)
        for number, handler in before.items():
            signal.signal(number, handler)
    umask_there, ignored = told.lines["a"]
    assert umask_there == "0022"
    # 32 and 33 are the C library's own, which lets nobody touch them; who runs the tests may have
    assert int(ignored.split()[1], 16) & ~(0b11 << 31) == 0
    assert told.node("a") == ("Failed", "main: Error (exit code 129)", "129")


async def test_a_step_ends_at_its_timeout(plain: LocalEngine):
    source = "echo begun; sleep 60 & wait"
    told = await watch(
        plain, await plain.submit(dag(script("a", source, timeout="300ms"), script("b", "true")))
    )
    assert told.node("a") == ("Failed", DEADLINE, "143")
    assert told.node("b")[0] == "Omitted"
    assert told.lines["a"] == ["begun"]
    assert 0.3 <= told.seconds < 3


async def test_a_timeout_is_continued_from(plain: LocalEngine):
    slow = script("a", "sleep 60", timeout="200ms", go_on=True)
    told = await watch(plain, await plain.submit(dag(slow, script("b", "echo on"))))
    assert told.phase == "Succeeded"
    assert told.lines["b"] == ["on"]


async def test_a_step_that_ignores_sigterm_is_killed_after_the_grace(plain: LocalEngine):
    source = "trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done"
    told = await watch(plain, await plain.submit(dag(script("a", source, timeout="300ms"))))
    assert told.node("a") == ("Failed", DEADLINE, "137")
    assert told.lines["a"][0] == "ready"
    assert "no" in told.lines["a"]
    assert 0.6 <= told.seconds < 4


async def test_a_step_may_end_well_on_sigterm_and_is_still_over_time(plain: LocalEngine):
    source = "trap 'echo bye; exit 0' TERM; sleep 60 & wait"
    told = await watch(plain, await plain.submit(dag(script("a", source, timeout="200ms"))))
    assert told.node("a") == ("Failed", DEADLINE, "0")
    assert told.lines["a"] == ["bye"]


async def test_cancel(plain: LocalEngine):
    source = "trap 'echo caught; exit 5' TERM; echo ready; sleep 60 & wait"
    ref = await plain.submit(dag(script("a", source, go_on=True), script("b", "true")))
    orders: list[asyncio.Task[None]] = []
    told = await watch(
        plain,
        ref,
        lambda *_: orders.append(asyncio.create_task(plain.terminate(ref))) if not orders else None,
    )
    assert told.lines["a"] == ["ready", "caught"]
    assert told.node("a") == ("Failed", SHUTDOWN, "5")
    assert told.phase == "Failed"
    assert told.object["status"]["message"] == "Stopped with strategy 'Terminate'"
    assert "b" not in told.nodes


async def test_the_workflows_own_deadline(plain: LocalEngine):
    told = await watch(
        plain,
        await plain.submit(dag(script("a", "sleep 60"), script("b", "true"), activeDeadlineSeconds=0.3)),
    )
    assert told.node("a") == ("Failed", "Step exceeded its deadline", "143")
    assert told.node("b")[0] == "Omitted"
    assert told.phase == "Failed"


async def test_a_background_child_does_not_hold_the_run(plain: LocalEngine):
    told = await watch(plain, await plain.submit(dag(script("a", "sleep 60 & echo $!"))))
    assert told.phase == "Succeeded"
    assert told.seconds < 2
    assert not alive(int(told.lines["a"][0]))


@pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is not installed")
async def test_descendants_that_left_their_session_end_with_the_step(plain: LocalEngine):
    source = "setsid sh -c 'echo $$; (setsid sleep 61 & echo $!)' & wait; sleep 0.1"
    told = await watch(plain, await plain.submit(dag(script("a", source))))
    pids = [int(line) for line in told.lines["a"]]
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


@pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is not installed")
async def test_orphans_end_at_the_timeout(plain: LocalEngine):
    source = "(trap '' TERM; setsid sh -c 'echo $$; trap \"\" TERM; while :; do sleep 1; done' &); sleep 60"
    told = await watch(plain, await plain.submit(dag(script("a", source, timeout="300ms"))))
    assert told.node("a")[1] == DEADLINE
    assert not alive(int(told.lines["a"][0]))


async def test_a_vanished_supervisor_is_an_error(plain: LocalEngine):
    ref = await plain.submit(dag(script("a", "echo $PPID; sleep 60"), script("b", "true")))
    pids: list[int] = []

    def kill(_: str, line: str) -> None:
        import os
        import signal

        pids.append(int(line))
        os.kill(int(line), signal.SIGKILL)

    told = await watch(plain, ref, kill)
    assert told.node("a") == ("Error", "pod deleted", None)
    assert told.node("b")[0] == "Omitted"
    assert told.phase == "Error"


async def test_a_program_that_is_gone_when_it_is_needed(plain: LocalEngine, tmp_path: Path):
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\necho tool\n")
    program.chmod(0o755)
    told = await watch(
        plain, await plain.submit(dag(script("a", f"rm {program}"), container("b", [str(program)])))
    )
    phase, message, code = told.node("b")
    assert (phase, code) == ("Failed", "64")
    assert message == (
        "main: Error (exit code 64): failed to find name in PATH: "
        f'exec: "{program}": stat {program}: no such file or directory'
    )


async def test_a_missing_interpreter_is_refused_before_anything_runs(plain: LocalEngine):
    with pytest.raises(PermanentError, match=r"^b: /opt/nosuch/ruby9 is not on this machine") as caught:
        await plain.submit(dag(script("a", "echo never"), script("b", "", command=["/opt/nosuch/ruby9"])))
    assert caught.value.reason == "InterpreterMissing"


async def test_a_python_that_is_elsewhere_is_found_and_told(plain: LocalEngine):
    task = dag(script("a", "import sys; print(sys.version_info[0])", command=["/nosuch/python3.2"]))
    notices = [str(notice) for notice in plain.examine(task)]
    assert any("a: /nosuch/python3.2 is not on this machine; " in notice for notice in notices)
    assert (await watch(plain, await plain.submit(task))).lines["a"] == ["3"]


async def test_submitting_twice_is_one_run(plain: LocalEngine):
    task = dag(script("a", "echo once"))
    first, second = await plain.submit(task), await plain.submit(task)
    assert first == second
    assert (await watch(plain, first)).lines["a"] == ["once"]


async def test_another_workflow_of_the_same_name_is_a_conflict(plain: LocalEngine):
    one, other = dag(script("a", "true")), dag(script("a", "false"))
    one.workflow["metadata"]["annotations"] = {"codo.dev/spec-hash": "1"}  # type: ignore[index]
    await plain.submit(one)
    with pytest.raises(PermanentError) as caught:
        await plain.submit(other)
    assert caught.value.reason == "Conflict"


async def test_closing_ends_what_runs(tmp_path: Path):
    engine = LocalEngine(root=tmp_path / "runs", grace=0.2, bubblewrap=False)
    await engine.start()
    ref = await engine.submit(dag(script("a", f"echo $$ >{tmp_path}/pid; trap '' TERM; sleep 60")))
    await until(lambda: content(tmp_path / "pid") != "")
    await engine.close()
    assert not alive(int(content(tmp_path / "pid")))
    verdict, gone = [seen async for seen in engine.follow(ref, {})]
    assert isinstance(verdict, Verdict)
    assert (verdict.phase, verdict.reason) == ("Error", reasons.RUNNER_LOST)
    assert isinstance(gone, WorkflowGone)


async def test_steps_that_do_not_depend_on_each_other(plain: LocalEngine):
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.05; done; echo {1} met {2}"
    with TemporaryDirectory() as folder:
        task = dag(
            script("a", meet.format(folder, "a", "b"), timeout="20s"),
            script("b", meet.format(folder, "b", "a"), timeout="20s"),
        )
        task.workflow["spec"]["templates"][0]["dag"]["tasks"][1].pop("dependencies")
        told = await watch(plain, await plain.submit(task))
    assert told.phase == "Succeeded"
    assert told.lines == {"a": ["a met b"], "b": ["b met a"]}


async def test_many_steps(plain: LocalEngine):
    steps = [script(f"s{number}", "true") for number in range(25)]
    told = await watch(plain, await plain.submit(dag(*steps)))
    assert told.phase == "Succeeded"
    assert sorted(told.log_ends) == sorted(f"s{number}" for number in range(25))
