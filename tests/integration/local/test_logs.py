"""Log lines as real processes write them."""

from __future__ import annotations

import time
from contextlib import aclosing
from pathlib import Path

from tests.integration.local.scenario import dag, matching, script, until, watch
from translator.engine.local.engine import LocalEngine
from translator.engine.local.log import AHEAD, READ
from translator.observe.lines import CUT
from translator.observe.observation import LogEnd, LogLines


async def test_invalid_bytes_and_a_missing_last_line_end(plain: LocalEngine):
    source = r"printf 'caf\351\000x\nπ\r\nend'"
    told = await watch(plain, await plain.submit(dag(script("a", source))))
    assert told.lines["a"] == ["caf\\xe9\0x", "π", "end"]


async def test_both_streams_share_one_pipe_in_order(plain: LocalEngine):
    told = await watch(
        plain, await plain.submit(dag(script("a", "for i in 1 2 3; do echo o$i; echo e$i >&2; done")))
    )
    assert told.lines["a"] == ["o1", "e1", "o2", "e2", "o3", "e3"]


async def test_lines_appear_while_the_step_runs(plain: LocalEngine):
    told = await watch(
        plain, await plain.submit(dag(script("a", "echo now; sleep 1; echo later", timeout="5s")))
    )
    first, second = told.times["a"]
    assert second - first > 0.8


async def test_a_line_takes_less_than_a_tenth_of_a_second(plain: LocalEngine, python: str):
    source = "import time\nfor _ in range(5):\n  print(time.time(), flush=True)\n  time.sleep(0.1)\n"
    ref = await plain.submit(dag(script("a", source, command=[python])))
    delays: list[float] = []
    await watch(plain, ref, lambda _, line: delays.append(time.time() - float(line)))
    assert sorted(delays)[2] < 0.1


async def test_a_burst_comes_whole_and_in_order(plain: LocalEngine, python: str):
    source = "for i in range(100_000):\n  print(i, 'x' * 100)\n"
    told = await watch(plain, await plain.submit(dag(script("a", source, command=[python]))))
    assert [int(line.split()[0]) for line in told.lines["a"]] == list(range(100_000))
    assert told.seconds < 5


async def test_a_step_that_nobody_follows_waits(plain: LocalEngine, python: str, tmp_path: Path):
    count = AHEAD // 1024 * 2
    source = f"for i in range({count}):\n  print('x' * 1023)\n"
    ref = await plain.submit(dag(script("a", source, command=[python])))
    sizes: list[int] = []

    def stands_still() -> bool:
        sizes.extend(path.stat().st_size for path in matching(tmp_path, "runs/engine-*/run-*/log-1"))
        return len(sizes) > 10 and sizes[-1] == sizes[-10] > 0

    await until(stands_still)
    assert sizes[-1] < AHEAD + 2 * READ
    assert len((await watch(plain, ref)).lines["a"]) == count


async def test_a_follower_resumes_at_its_cursor(plain: LocalEngine, python: str):
    source = "for i in range(50_000):\n  print(i)\n"
    ref = await plain.submit(dag(script("a", source, command=[python])))
    seen_lines: list[int] = []
    cursors: dict[str, dict[str, int]] = {}
    for _ in range(200):
        done = False
        async with aclosing(plain.follow(ref, cursors)) as observations:
            async for seen in observations:
                if isinstance(seen, LogLines):
                    seen_lines += map(int, seen.lines)
                    cursors[seen.step] = dict(seen.cursor)
                    break
                if isinstance(seen, LogEnd):
                    done = True
                    break
        if done:
            break
    assert seen_lines == list(range(50_000))


async def test_a_line_without_an_end_keeps_memory_small(plain: LocalEngine, python: str):
    source = "import sys\nfor _ in range(5):\n  sys.stdout.write('y' * (1 << 20))\n"
    told = await watch(plain, await plain.submit(dag(script("a", source, command=[python]))))
    *cut, last = told.lines["a"]
    assert cut
    assert all(piece.endswith(CUT) for piece in cut)
    assert sum(len(piece.removesuffix(CUT)) for piece in cut) + len(last) == 5 << 20
