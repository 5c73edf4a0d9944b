from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, says, sends, status
from translator.engine.argo import continuity, log_requests, pod_logs, stall
from translator.engine.argo.client import ApiServer
from translator.engine.argo.container import Container
from translator.engine.argo.continuity import HEADLESS
from translator.engine.argo.objects import Key
from translator.engine.argo.outlet import LogObservation
from translator.engine.argo.pod_logs import PodLog
from translator.engine.argo.slots import Slots
from translator.engine.argo.watching import Pace
from translator.observe.observation import LogEnd, LogGap, LogLines

POD = {"metadata": {"name": "p", "namespace": "default", "uid": "u1"}}
RUNS = {"containerID": "containerd://c1", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
ENDED = {
    "containerID": "containerd://c1",
    "state": {"terminated": {"startedAt": "2026-01-01T00:00:00Z", "exitCode": 0}},
}


def log(first: int, last: int, end: str = "\n") -> bytes:
    lines = [f"2026-01-01T00:00:{number:02}.000000001Z line {number}" for number in range(first, last + 1)]
    return ("\n".join(lines) + end).encode()


def numbers(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last + 1)]


class Read:
    """One container's log, as it is read."""

    def __init__(
        self, api: ApiServer, pace: Pace, cursor: Any = None, name: str = "p", image: str = ""
    ) -> None:
        self.seen: list[LogObservation] = []
        spec = {"initContainers": [{"name": "init", "image": image}]}
        pod = {"metadata": {**POD["metadata"], "name": name}, "spec": spec}
        self.container = Container(Key("default", "w"), pod, "main", "build")
        self.container.see(RUNS)
        self._api, self._pace, self._cursor = api, pace, cursor or {}

    def end(self) -> None:
        self.container.see(ENDED)

    async def run(self, slots: Slots | None = None) -> Read:
        async def put(seen: LogObservation) -> None:
            self.seen.append(seen)

        reader = PodLog(
            api=self._api,
            container=self.container,
            cursor=self._cursor,
            put=put,
            slots=slots or Slots(1),
            pace=self._pace,
        )
        async with asyncio.timeout(5):
            await reader.run()
        return self

    @property
    def lines(self) -> list[str]:
        return [line for seen in self.seen if isinstance(seen, LogLines) for line in seen.lines]

    @property
    def gaps(self) -> list[str]:
        return [seen.why for seen in self.seen if isinstance(seen, LogGap)]

    @property
    def cursor(self) -> dict[str, Any]:
        """The cursor after the last lines, as it would have been stored."""
        return dict([seen for seen in self.seen if isinstance(seen, LogLines) and seen.lines][-1].cursor)


def then_ends(read: Read, *chunks: bytes, how: str = "end") -> Any:
    """A follow after which the container has ended."""
    stream = sends(*chunks, then=how)

    async def handler(request: web.Request) -> web.StreamResponse:
        read.end()
        return await stream(request)

    return handler


def asked(fake: FakeApi) -> list[tuple[bool, str]]:
    """(follow, sinceTime) of each request for a log."""
    return [
        ("follow" in query, query.get("sinceTime", ""))
        for _, path, query in fake.requests
        if "/log" in path and "tailLines" not in query
    ]


async def test_a_log_is_followed_and_read_once_more_after_the_end(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend([then_ends(read, log(1, 3), log(4, 5)), sends(log(1, 5))])
    await read.run()
    assert read.lines == numbers(1, 5)
    assert read.gaps == []
    assert read.seen[-1] == LogEnd("build")
    assert asked(fake) == [(True, ""), (False, "2026-01-01T00:00:03Z")]
    assert all(query["timestamps"] == "true" for _, _, query in fake.requests)


async def test_the_last_file_after_a_rotation_is_read_when_the_follow_missed_it(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend([then_ends(read, log(1, 30)), sends(log(31, 40))])
    await read.run()
    assert read.lines == numbers(1, 40)
    assert read.gaps == []


async def test_a_follow_that_ends_before_its_container_is_begun_again(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [sends(log(1, 10)), sends(log(5, 20)), then_ends(read, log(15, 21)), sends(log(16, 22))]
    )
    await read.run()
    assert read.lines == numbers(1, 22)
    assert read.gaps == []
    assert [follow for follow, _ in asked(fake)] == [True, True, True, False]
    assert asked(fake)[1] == (True, "2026-01-01T00:00:08Z")


async def test_a_broken_connection_loses_nothing(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    read = Read(api, pace)
    half = log(1, 10) + b"2026-01-01T00:00:11.000000001Z line"
    fake.logs["p", "main"].extend([sends(half, then="break"), then_ends(read, log(5, 12)), sends(log(8, 12))])
    await read.run()
    assert read.lines == numbers(1, 12)
    assert read.gaps == []


async def test_lines_that_are_known_to_be_missing_are_told(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [sends(log(1, 10), then="break"), then_ends(read, log(30, 35)), sends(log(30, 36))]
    )
    await read.run()
    assert read.lines == [*numbers(1, 10), *numbers(30, 36)]
    assert read.gaps == ["lines may be missing: the log was rotated while nobody read it"]
    assert [type(seen) for seen in read.seen].index(LogGap) == 1


START = (
    b"2026-01-01T00:00:00.000000001Z "
    b'time=2026-01-01T00:00:00.000Z level=INFO msg="waiting for signals" argo=true\n'
)


@pytest.mark.parametrize(
    ("image", "first", "gaps"),
    [
        ("quay.io/argoproj/argoexec:v4.1.2", b"", ["the log was rotated before anybody could read it"]),
        ("quay.io/argoproj/argoexec:v4.1.2", START, []),
        ("quay.io/argoproj/argoexec:v3.6.19", b"", []),
        ("registry:5000/argoexec@sha256:0123", b"", []),
    ],
)
async def test_a_log_without_its_beginning_is_told(
    fake: FakeApi, api: ApiServer, pace: Pace, image: str, first: bytes, gaps: list[str]
) -> None:
    read = Read(api, pace, image=image)
    fake.logs["p", "main"].extend([then_ends(read, first + log(1, 3)), sends(first + log(1, 3))])
    await read.run()
    assert read.lines == numbers(1, 3)
    assert read.gaps == gaps


def starting(read: Read, first: bytes, then: bytes, *, wait: float = 0.1) -> Any:
    """A follow that brings what the user's process wrote first, and after a pause what came then."""

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(first)
        await asyncio.sleep(wait)
        await response.write(then)
        read.end()
        return response

    return slowly


@pytest.mark.parametrize("size", [2, 15_000])
async def test_lines_that_come_before_the_executor_s_first_one_are_no_gap(
    fake: FakeApi, api: ApiServer, pace: Pace, size: int
) -> None:
    # the executor starts the process before it writes its line: on a busy node the process is ahead of it,
    # by 300 KB at times (`./just differential 100 --seed 12`)
    read = Read(api, pace, image="quay.io/argoproj/argoexec:v4.1.2")
    late = START.replace(b"00:00.000000001Z", b"00:02.500000001Z")
    before = b"".join(b"2026-01-01T00:00:01.%09dZ line %d\n" % (n, n) for n in range(size))
    fake.logs["p", "main"].extend(
        [starting(read, before, late + log(3, 4)), sends(before + late + log(3, 4))]
    )
    await read.run()
    assert read.lines == [f"line {n}" for n in [*range(size), 3, 4]]
    assert read.gaps == []


async def test_lines_do_not_wait_for_ever_for_the_executor_s_first_one(
    fake: FakeApi, api: ApiServer, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_logs, "HELD_S", 0.02)
    read = Read(api, pace, image="quay.io/argoproj/argoexec:v4.1.2")
    fake.logs["p", "main"].extend(
        [starting(read, log(1, 2), b"", wait=9), starting(read, log(1, 2), log(3, 3)), sends(log(1, 3))]
    )
    await read.run()
    assert [seen.why if isinstance(seen, LogGap) else seen.lines for seen in read.seen[:3]] == [
        HEADLESS,
        ("line 1", "line 2"),
        ("line 3",),
    ]


async def test_a_last_line_without_its_end_comes_with_the_last_read(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend([then_ends(read, log(1, 3, end="")), sends(log(1, 3, end=""))])
    assert (await read.run()).lines == numbers(1, 3)


async def test_an_ended_container_is_read_without_follow(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    read = Read(api, pace)
    read.end()
    fake.logs["p", "main"].append(sends(log(1, 4)))
    assert (await read.run()).lines == numbers(1, 4)
    assert asked(fake) == [(False, "")]


@pytest.mark.parametrize(
    "trouble",
    [
        says(400, status(400, 'container "main" in pod "p" is waiting to start: PodInitializing')),
        says(500, "the kubelet is away"),
        says(429, status(429, "slow down"), **{"Retry-After": "3"}),
        says(200, "unable to retrieve container logs for containerd://c1\n"),
        says(200, 'failed to try resolving symlinks in path "/var/log/pods/x": no such file\n'),
        says(404, status(404, 'pods "p" not found')),
    ],
    ids=["waiting", "500", "429", "200 with an error", "200 in mid-rotation", "404 of a stale cache"],
)
async def test_trouble_that_passes(fake: FakeApi, api: ApiServer, pace: Pace, trouble: Any) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [trouble, sends(log(1, 2)), trouble, then_ends(read, log(1, 4)), sends(log(1, 5))]
    )
    await read.run()
    assert read.lines == numbers(1, 5)
    assert read.gaps == []


async def test_429_waits_as_long_as_the_server_asks(
    fake: FakeApi, api: ApiServer, pace: Pace, slept: list[float]
) -> None:
    read = Read(api, pace)
    busy = says(429, status(429, "slow down"), **{"Retry-After": "3"})
    fake.logs["p", "main"].extend([busy, then_ends(read, log(1, 1)), sends(log(1, 1))])
    assert (await read.run()).lines == numbers(1, 1)
    assert slept[0] == 3


async def test_a_log_that_the_node_has_lost_is_told(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [
            sends(log(1, 2), then="break"),
            then_ends(read),
            says(200, "unable to retrieve container logs for c1\n"),
        ]
    )
    await read.run()
    assert read.lines == numbers(1, 2)
    assert read.gaps == [
        "cannot get pods/log p in namespace default: unable to retrieve container logs for c1"
    ]
    assert read.seen[-1] == LogEnd("build")


async def test_a_pod_deleted_before_the_end_is_told(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [then_ends(read, log(1, 2), how="break"), says(404, status(404, 'pods "p" not found'))]
    )
    await read.run()
    assert read.lines == numbers(1, 2)
    assert read.gaps == ["the pod was deleted before its log was read to its end"]


async def test_a_small_log_that_was_followed_to_its_end_needs_no_second_read(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend([then_ends(read, log(1, 2)), says(404, status(404, 'pods "p" not found'))])
    await read.run()
    assert read.lines == numbers(1, 2)
    assert read.gaps == []


async def test_a_last_read_is_repeated_where_nobody_can_say_whether_it_was_whole(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [then_ends(read, log(1, 2)), sends(log(1, 2)), says(500, "the kubelet is away"), sends(log(1, 3))]
    )
    await read.run()
    assert read.lines == numbers(1, 3)
    assert read.gaps == []


async def test_last_reads_that_end_at_different_lines_are_told(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    newest = sends(log(9, 9))
    fake.logs["p", "main"].extend(
        [
            then_ends(read, log(1, 2)),
            *[sends(log(1, 3)), newest, sends(log(1, 4)), newest, sends(log(1, 5)), newest],
        ]
    )
    await read.run()
    assert read.lines == numbers(1, 5)
    assert read.gaps == ["the log's last lines may be missing: its readings ended at different lines"]


REFUSALS = [says(code, status(code, "no")) for code in (403, 409, 410)]


async def test_a_log_that_is_refused_for_a_while_is_asked_for_again(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)
    fake.logs["p", "main"].extend([*REFUSALS, then_ends(read, log(1, 2)), *REFUSALS * 5, sends(log(1, 3))])
    await read.run()
    assert read.lines == numbers(1, 3)
    assert read.gaps == []


async def test_a_log_that_is_refused_until_its_pod_is_gone_is_told_as_a_gap(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    read = Read(api, pace)

    async def refuses(request: web.Request) -> web.StreamResponse:
        if len(asked(fake)) == 9:
            read.container.lose()
        return await REFUSALS[0](request)

    fake.logs["p", "main"].extend([then_ends(read, log(1, 2)), refuses])
    await read.run()
    assert read.lines == numbers(1, 2)
    assert read.gaps == ["cannot get pods/log p in namespace default: no (HTTP 403)"]
    assert len(asked(fake)) in (9, 10)
    assert read.seen[-1] == LogEnd("build")


async def test_a_stored_cursor_goes_on_where_it_was(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    first = Read(api, pace)
    fake.logs["p", "main"].extend([then_ends(first, log(1, 20)), sends(log(1, 20))])
    await first.run()
    second = Read(api, pace, cursor=first.cursor)
    fake.requests.clear()
    fake.logs["p", "main"].clear()
    fake.logs["p", "main"].extend([then_ends(second, log(15, 25)), sends(log(20, 26))])
    await second.run()
    assert second.lines == numbers(21, 26)
    assert asked(fake)[0] == (True, "2026-01-01T00:00:18Z")


async def test_a_log_read_to_its_end_is_not_read_again(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    first = Read(api, pace)
    fake.logs["p", "main"].extend([then_ends(first, log(1, 2)), sends(log(1, 2))])
    await first.run()
    last = first.seen[-2]
    assert isinstance(last, LogLines)
    fake.requests.clear()
    again = await Read(api, pace, cursor=dict(last.cursor)).run()
    assert again.lines == []
    assert again.seen[-1] == LogEnd("build")
    assert fake.requests == []


async def test_a_cursor_of_another_container_is_ignored(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    read = Read(api, pace, cursor={"pod": "u0", "container": "c0", "last": "2026-01-01T00:00:09Z", "same": 1})
    fake.logs["p", "main"].extend([then_ends(read, log(1, 2)), sends(log(1, 2))])
    assert (await read.run()).lines == numbers(1, 2)
    assert asked(fake)[0] == (True, "")


async def test_a_quiet_log_lets_others_read(
    fake: FakeApi, api: ApiServer, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_logs, "TURN_S", 0.01)
    quiet, busy = Read(api, pace), Read(api, pace, name="q")
    fake.logs["p", "main"].extend(
        [sends(log(1, 2), then="hang"), then_ends(quiet, log(1, 3)), sends(log(1, 3))]
    )
    fake.logs["q", "main"].extend([then_ends(busy, log(1, 2)), sends(log(1, 2))])
    slots = Slots(1)
    await asyncio.gather(quiet.run(slots), busy.run(slots))
    assert quiet.lines == numbers(1, 3)
    assert busy.lines == numbers(1, 2)


async def test_a_silent_connection_is_begun_anew(
    fake: FakeApi, api: ApiServer, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_requests, "SILENCE_S", 0.05)
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [sends(log(1, 2), then="hang"), then_ends(read, log(1, 3)), sends(log(1, 3))]
    )
    assert (await read.run()).lines == numbers(1, 3)
    assert read.gaps == []


async def test_a_follow_that_the_kubelet_forgot_at_a_rotation_is_begun_anew(
    fake: FakeApi, api: ApiServer, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "LOOK_S", 0.1)
    monkeypatch.setattr(continuity, "UNROTATED", 1)
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [
            sends(log(1, 10), then="hang"),
            sends(log(1, 1)),  # the log is large enough to be rotated
            sends(log(1, 1)),  # something came
            sends(log(10, 10)),  # nothing new: the process is quiet
            says(500, "busy"),
            sends(log(25, 25)),
            then_ends(read, log(11, 30)),
            sends(log(20, 31)),
        ]
    )
    await read.run()
    assert read.lines == numbers(1, 31)
    assert read.gaps == []
    looks = [
        query.get("tailLines") or query["limitBytes"]
        for _, _, query in fake.requests
        if query.keys() & {"tailLines", "limitBytes"}
    ]
    assert looks[:5] == ["64", "64", "1", "1", "1"]


async def test_a_file_that_the_kubelet_may_have_left_out_is_told_where_it_lacks(
    fake: FakeApi, api: ApiServer, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuity, "UNROTATED", 1)
    monkeypatch.setattr(continuity, "SPAN_S", 0)  # no look is recent enough
    read = Read(api, pace)
    left_out = starting(read, log(1, 10), log(31, 34) + log(31, 35))
    fake.logs["p", "main"].extend(
        [
            left_out,
            sends(log(1, 1)),
            sends(log(31, 31)),
            sends(log(31, 36)),
        ]
    )
    await read.run()
    # where the kubelet was told of two rotations, it gives the newest file twice
    assert [seen.why if isinstance(seen, LogGap) else [*seen.lines] for seen in read.seen[:-2]] == [
        numbers(1, 10),
        "lines may be missing: the log may have been rotated twice while its reader lagged behind",
        ["line 31"],
        numbers(32, 34),
        ["line 35"],
        ["line 36"],
    ]


async def test_a_small_log_is_not_asked_for_its_newest_line(
    fake: FakeApi, api: ApiServer, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "LOOK_S", 0.001)
    monkeypatch.setattr(log_requests, "SILENCE_S", 0.05)
    read = Read(api, pace)
    fake.logs["p", "main"].extend(
        [sends(log(1, 2), then="hang"), then_ends(read, log(1, 3)), sends(log(1, 3))]
    )
    assert (await read.run()).lines == numbers(1, 3)
    # but once, at the end, as no executor has said that this was it
    tails = ["tailLines" in query for _, path, query in fake.requests if "/log" in path]
    assert tails == [False, False, False, True]
