"""Folders and processes of an engine that dies."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.local.scenario import alive, content, dag, matching, modes, script, until, watch
from translator.engine.local.engine import LocalEngine
from translator.errors import PermanentError

ENGINE = """
import asyncio, sys
from pathlib import Path
from tests.integration.local.scenario import dag, script
from translator.engine.local.engine import LocalEngine

async def main():
    engine = LocalEngine(root=Path(sys.argv[1]), bubblewrap=sys.argv[2] == "True")
    await engine.start()
    new = sys.argv[3] + ".new"
    source = f"echo $$ >{new}; (setsid sleep 71 & echo $! >>{new}); mv {new} {sys.argv[3]}; "
    await engine.submit(dag(script("a", source + "trap '' TERM; while :; do sleep 1; done")))
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("bubblewrap", modes())
async def test_processes_die_with_an_engine_that_is_killed(tmp_path: Path, bubblewrap: bool):
    pids_file = tmp_path / "pids"
    engine = subprocess.Popen(  # noqa: ASYNC220  no output of it is waited for
        [sys.executable, "-c", ENGINE, str(tmp_path / "runs"), str(bubblewrap), str(pids_file)]
    )
    try:
        await until(pids_file.exists, 10)
    finally:
        os.kill(engine.pid, signal.SIGKILL)
        engine.wait()
    pids = [int(line) for line in pids_file.read_text().split()]
    assert len(pids) == 2
    await until(lambda: not any(alive(pid) for pid in pids))
    left = matching(tmp_path / "runs", "engine-*")
    assert len(left) == 1
    heir = LocalEngine(root=tmp_path / "runs")
    await heir.start()
    assert not left[0].exists()
    await heir.close()


async def test_the_folder_of_a_living_engine_stays(tmp_path: Path):
    first, second = LocalEngine(root=tmp_path / "runs"), LocalEngine(root=tmp_path / "runs")
    await first.start()
    (mine,) = matching(tmp_path / "runs", "engine-*")
    await second.start()
    assert mine.exists()
    await second.close()
    assert mine.exists()
    await first.close()
    assert not mine.exists()


async def test_runs_are_private(plain: LocalEngine, tmp_path: Path):
    told = await watch(plain, await plain.submit(dag(script("a", "pwd; touch here"))))
    assert told.lines["a"][0].startswith(str(tmp_path / "runs"))
    own = [*matching(tmp_path, "runs/engine-*"), *matching(tmp_path, "runs/engine-*/run-*")]
    for folder in [tmp_path / "runs", *own]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_runs_folder_goes_when_it_is_released(plain: LocalEngine, tmp_path: Path):
    ref = await plain.submit(dag(script("a", "mkdir d; touch d/f; chmod 0 d")))
    await watch(plain, ref)
    await until(lambda: not matching(tmp_path, "runs/engine-*/run-*/pods"))
    await plain.release(ref)
    assert not matching(tmp_path, "runs/engine-*/run-*")


async def test_releasing_a_run_ends_it(plain: LocalEngine, tmp_path: Path):
    ref = await plain.submit(dag(script("a", f"echo $$ >{tmp_path}/pid; sleep 72")))
    await until(lambda: content(tmp_path / "pid") != "")
    await plain.release(ref)
    assert not alive(int(content(tmp_path / "pid")))


async def test_a_root_that_is_no_folder(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentError, match="cannot use"):
        await LocalEngine(root=tmp_path / "file").start()


async def test_who_is_cancelled_while_waiting_cancels_no_run(tmp_path: Path):
    engine = LocalEngine(root=tmp_path / "runs")
    await engine.start()
    ref = await engine.submit(dag(script("a", "sleep 60")))
    releasing = asyncio.create_task(engine.release(ref))
    await asyncio.sleep(0)
    releasing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await releasing
    await engine.close()
    assert matching(tmp_path / "runs", "engine-*") == []
