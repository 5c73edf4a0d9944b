"""The log filter: over the logs of real runs, and over what they do not show."""

from __future__ import annotations

import random

import pytest

from tests.unit.observe.replay import CUT, WHOLE
from translator.observe.executor import LogLine, UserLines, utc
from translator.observe.lines import CUT as MARK

ROOT = WHOLE if WHOLE.is_dir() else CUT
LOGS = sorted(ROOT.glob("*/*/*.log"))

T0 = "2026-11-23T22:03:27.000000001Z"
T1 = "2026-11-23T22:03:28.000000002Z"
T2 = "2026-11-23T22:03:28.500000003Z"
STARTED = 'time=2026-11-23T22:03:27.690Z level=INFO msg="waiting for signals" argo=true signalPath=/var/run/x'
EXITED = 'time=2026-11-23T22:03:28.691Z level=INFO msg="sub-process exited" argo=true error="exit status 3"'
EXITED_3_6 = 'time="2026-11-23T22:03:28.691Z" level=info msg="sub-process exited" argo=true error="<nil>"'
EXITED_ALSO = 'time=2026-11-23T22:03:28.691Z level=INFO msg="sub-process exited" error=<nil> argo=true'


def ticks(word, to):
    return [word, *(f"tick {n}" for n in range(1, to + 1))]


# what each step's script is seen to have printed, by scenario and step
EXPECTED = {
    "bad-bytes/bytes": ["caf\xe9 ok".encode(), b"bad \xff\xfe bytes", b"no newline at end"],
    "bad-bytes/longline": [b"x" * 40000, b"end"],
    "bad-bytes/burst": [str(n).encode() for n in range(1, 20001)],
    "continues/after": ["after"],
    "continues/bad": ["bad"],
    "fails/bad": ["before"],
    "fails/ok": ["fine"],
    "not-executable/noexec": [],
    "out-of-memory/oom": ["eating"],
    "pending-timeout-continues/after": ["after"],
    "pod-layout-fails/s1": ["1001"],
    "pod-layout-fails/s2": [],
    "pod-layout-fails/s3": [],
    "pod-layout-succeeds/s1": ["1001"],
    "pod-layout-succeeds/s2": [],
    "pod-layout-succeeds/s3": ["s3 one abc=42 def=7"],
    "step-timeout/slow": ["slow"],
    "succeeds/step1": ["Hello World step1 FOO="],
    "succeeds/step2": ["from a container template"],
    "succeeds/step3": ["err", "out"],
    "wait-killed-continues/after": ["after"],
    "wait-killed-continues/long": ticks("long", 15),
    "4.1/terminated/long": [*ticks("long", 13), "Terminated", "got-term"],
    "3.6/terminated/long": [*ticks("long", 15), "Terminated", "got-term"],
    "4.1/terminated-continue/long": ticks("long", 12),
    "3.6/terminated-continue/long": ticks("long", 15),
    **{f"compressed/step{n}": [f"step {n}"] for n in range(1, 9)},
}


def expected(path):
    scenario = path.parent.name
    step = path.name.removeprefix(f"{scenario}-").removeprefix(f"{scenario}.").split("-")[0].split(".")[0]
    found = EXPECTED.get(f"{path.parent.parent.name}/{scenario}/{step}")
    want = EXPECTED[f"{scenario}/{step}"] if found is None else found
    return [line if isinstance(line, bytes) else line.encode() for line in want]


def user(*lines: tuple[str, str], last: str = "\n", exit_code: int | None = None) -> list[str]:
    log = UserLines()
    data = "\n".join(f"{time} {text}" for time, text in lines) + last
    return [text.decode() for _, text in log.feed(data.encode()) + log.end(exit_code)]


@pytest.mark.parametrize("path", LOGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_of_a_recorded_log_only_what_the_process_wrote(path):
    data = path.read_bytes()
    log = UserLines()
    got = log.feed(data) + log.end()
    assert [text for _, text in got] == expected(path)
    assert not log.strange
    times = {raw.split(b" ")[0] for raw in data.split(b"\n")}
    assert {time for time, _ in got} <= times
    # a container of a container set whose dependency failed never waits for signals
    first = b'msg="waiting for dependency"' in data or b'msg="waiting for signals"' in data
    never_ran = b"Z Error: failed to find name in PATH" in data
    assert log.began == (never_ran or (path.parent.parent.name == "4.1" and first))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_chunks_of_a_recorded_log_do_not_matter(path):
    data, chance = path.read_bytes(), random.Random(path.name)
    log, got = UserLines(), []
    at = 0
    while at < len(data):
        size = chance.choice((1, 7, 100, 4096, 50000))
        got += log.feed(data[at : at + size])
        at += size
    got += log.end()
    assert [text for _, text in got] == expected(path)


def test_lines_come_at_once_while_the_process_runs():
    log = UserLines()
    assert log.feed(f"{T0} {STARTED}\n{T0} one\n{T1} tw".encode()) == [LogLine(T0.encode(), b"one")]
    assert log.feed(b"o\n") == [LogLine(T1.encode(), b"two")]


def test_an_executors_line_glued_to_an_unfinished_line():
    assert user((T0, STARTED), (T1, "no end" + EXITED), (T2, "Error: exit status 3")) == ["no end"]


def test_the_executors_last_word_glued_to_an_unfinished_line():
    assert user((T0, STARTED), (T1, EXITED), (T2, "no endError: exit status 3")) == ["no end"]


def test_the_executors_last_word_before_an_unfinished_line():
    assert user((T1, EXITED), (T2, "Error: exit status 3"), (T2, "no end"), last="") == ["no end"]


def test_an_executors_line_between_the_pieces_of_a_long_line():
    piece = "x" * 16384
    assert user((T0, piece + STARTED), (T0, "rest"), (T1, "next")) == [piece + "rest", "next"]
    assert user((T0, piece + EXITED)) == [piece]


@pytest.mark.parametrize("exited", [EXITED, EXITED_3_6, EXITED_ALSO])
def test_a_users_line_like_the_executors_last_word_stays(exited):
    got = user((T0, "Error: exit status 3"), (T1, exited), (T2, "Error: exit status 3"))
    assert got == ["Error: exit status 3"]


def test_without_the_executors_farewell_the_last_word_is_the_users():
    assert user((T0, STARTED), (T1, "Error: exit status 137")) == ["Error: exit status 137"]


def test_another_exit_code_is_not_the_executors_word():
    got = user((T1, EXITED_3_6), (T2, "Error: exit status 9"), last="", exit_code=0)
    assert got == ["Error: exit status 9"]
    assert user((T1, EXITED), (T2, "Error: exit status 3"), exit_code=3) == []


@pytest.mark.parametrize(
    "line",
    [
        "I set argo=true",
        "level=INFO argo=true",
        'time=yesterday level=INFO msg="waiting for signals" argo=true',
        'time=2026-11-23T22:03:27Z level=INFO msg="mine" argo=false',
        'time=2026-11-23T22:03:27Z level=INFO msg="mine argo=true" x=1',
        'time=2026-11-23T22:03:27Z level=INFO msg="unclosed argo=true',
        EXITED + " and more words",
        # an older log, printed by the user
        EXITED.replace("2026-11-23", "2026-11-22"),
    ],
)
def test_what_only_looks_like_the_executors_stays(line):
    assert user((T0, STARTED), (T0, line), (T1, "x")) == [line, "x"]


@pytest.mark.parametrize(
    "why",
    [
        'failed to find name in PATH: exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory',
        "failed to start command: context canceled",
    ],
)
def test_a_process_that_never_ran_wrote_nothing(why):
    assert user((T0, f"Error: {why}"), (T0, why), exit_code=64) == []
    # said once, it is a process that ran
    assert user((T0, f"Error: {why}"), exit_code=64) == [f"Error: {why}"]
    assert user((T0, f"Error: {why}"), (T0, why), (T1, "x")) == [f"Error: {why}", why, "x"]
    assert user((T0, "x"), (T0, f"Error: {why}"), (T0, why)) == ["x", f"Error: {why}", why]


def test_what_the_kubelet_says_in_place_of_a_log_is_set_apart():
    log = UserLines()
    assert log.feed(b"unable to retrieve container logs for containerd://abc\n") == []
    assert log.end() == []
    assert log.strange == [b"unable to retrieve container logs for containerd://abc"]


def test_a_line_longer_than_memory_allows_comes_in_pieces_of_one_time():
    log = UserLines(longest=100)
    got = log.feed(f"{T0} {'x' * 250}\n{T1} y\n".encode()) + log.end()
    *cut, last = [text.decode() for _, text in got[:-1]]
    assert all(piece.endswith(MARK) for piece in cut)
    assert "".join([*(piece.removesuffix(MARK) for piece in cut), last]) == "x" * 250
    assert {time for time, _ in got[:-1]} == {T0.encode()}
    assert got[-1] == LogLine(T1.encode(), b"y")
    assert not log.strange


def test_after_the_farewell_few_lines_are_held_back():
    log = UserLines()
    data = f"{T1} {EXITED}\n" + "".join(f"{T2} line {n}\n" for n in range(5000))
    now = log.feed(data.encode())
    assert len(now) == 4000
    assert len(now + log.end()) == 5000


@pytest.mark.parametrize(
    "time", ["2026-11-23T22:03:27.9Z", "2026-11-24T06:03:27.123456789+08:00", "2026-11-23T22:03:27Z"]
)
def test_a_nodes_own_time_zone(time):
    assert utc(time.encode()).isoformat() == "2026-11-23T22:03:27+00:00"
    assert user((time, "x")) == ["x"]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_lines_are_the_same_in_any_chunks(size):
    lines = [
        (T0, STARTED), *((T0, f"line {n}") for n in range(20)), (T1, "a\rb"), (T1, ""), (T1, "x argo=true"),
        (T1, "glued" + STARTED), (T1, "Error: exit status 3"), (T2, EXITED), (T2, "Error: exit status 3"),
    ]  # fmt: skip
    data = "".join(f"{time} {text}\n" for time, text in lines).encode()
    log = UserLines()
    got = [line for at in range(0, len(data), size) for line in log.feed(data[at : at + size])]
    wanted = [*(f"line {n}" for n in range(20)), "a\rb", "", "x argo=true", "glued", "Error: exit status 3"]
    assert [text.decode() for _, text in [*got, *log.end(3)]] == wanted


def test_a_log_without_the_executor_s_first_line_has_a_beginning_where_nothing_could_run():
    why = 'failed to find name in PATH: exec: "/usr/bin/env": stat /usr/bin/env: no such file or directory'
    log = UserLines()
    assert log.feed(f"{T0} Error: {why}\n".encode()) == []
    assert not log.began
    assert log.feed(f"{T0} {why}\n".encode()) == []
    assert log.began
    assert log.end(64) == []
    rotated = UserLines()
    assert rotated.feed(f"{T0} a line in the middle\n".encode())
    rotated.end(0)
    assert not rotated.began


def test_a_container_that_was_ended_while_it_waited_for_another_printed_nothing():
    waits = 'time=2026-11-23T22:03:27.690Z level=INFO msg="waiting for dependency" argo=true dependency=a'
    log = UserLines()
    assert log.feed(f"{T0} {waits}\n{T1} Error: exit status 143\n".encode()) == []
    assert log.end(143) == []
    assert log.began
    ran = UserLines()
    text = f"{T0} {waits}\n{T0} {STARTED}\n{T1} Error: exit status 143\n{T2} more\n"
    assert [line[1] for line in ran.feed(text.encode())] == [b"Error: exit status 143", b"more"]
