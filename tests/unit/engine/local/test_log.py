from __future__ import annotations

import asyncio
import os
from pathlib import Path

from translator.engine.local.log import Reader, StepLog


def bell() -> None:
    """Nobody waits in these tests."""


async def test_what_a_pipe_brings_is_read_from_the_file(tmp_path: Path):
    rung = asyncio.Event()
    log = StepLog(tmp_path / "log", rung.set)
    reading, writing = os.pipe()
    pump = asyncio.create_task(log.pump(reading))
    os.write(writing, b"one\ntwo\nthr")
    await rung.wait()
    reader = Reader("a", log, {})
    lines = reader.read()
    assert lines is not None
    assert (lines.lines, lines.cursor) == (("one", "two"), {"offset": 8})
    assert reader.read() is None
    os.write(writing, b"ee")
    os.close(writing)
    await pump
    log.end()
    lines = reader.read()
    assert lines is not None
    assert (lines.lines, lines.cursor, reader.done) == (("three",), {"offset": 13}, True)
    assert reader.read() is None


async def test_what_the_pipe_holds_when_the_grace_is_over_is_kept(tmp_path: Path):
    log = StepLog(tmp_path / "log", bell)
    reading, writing = os.pipe()
    pump = asyncio.create_task(log.pump(reading))
    await asyncio.sleep(0)
    # the loop was late: it hears of the line and of the end of the grace at once
    os.write(writing, b"last\n")
    pump.cancel()
    await asyncio.wait([pump])
    os.close(writing)
    assert (log.path.read_bytes(), log.size) == (b"last\n", 5)


async def test_a_cursor_resumes_between_lines(tmp_path: Path):
    log = StepLog(tmp_path / "log", bell)
    log.path.write_bytes(b"one\ntwo\n")
    log.size = 8
    log.end()
    lines = Reader("a", log, {"offset": 4}).read()
    assert lines is not None
    assert lines.lines == ("two",)
    assert Reader("a", log, {"offset": 8}).read() is None
