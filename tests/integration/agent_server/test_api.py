from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from translator.agent_server.protocol import BATCH_PATH, INFO_PATH
from translator.errors import PermanentError, TemporaryError

JSON = {"Content-Type": "application/json"}
TASK = {"taskId": "t1", "taskType": "CloudTask", "agentId": "a", "args": {"taskYaml": "x"}}


async def error_of(answer, status, code):
    assert answer.status == status
    assert answer.content_type == "application/json"
    assert "Server" not in answer.headers
    body = await answer.json()
    assert body.keys() == {"error"}
    assert body["error"]["code"] == code
    return body["error"]["message"]


async def test_items_are_answered_one_by_one_in_order(serve_api, intake, http):
    url = await serve_api()
    batch = [TASK, {"taskId": "bad", "taskType": "Shell"}, "junk", {**TASK, "taskId": "t2"}, TASK]
    async with http.post(url + BATCH_PATH, json=batch) as answer:
        assert answer.status == 200
        answers = await answer.json()
    assert [(each["taskId"], each["outcome"]) for each in answers] == [
        ("t1", "accepted"),
        ("bad", "rejected"),
        ("", "rejected"),
        ("t2", "accepted"),
        ("t1", "duplicate"),
    ]
    assert [item.task_id for item in intake.items] == ["t1", "t2"]


@pytest.mark.parametrize("batch", [[], [1]])
async def test_the_intake_is_left_alone_where_there_is_nothing_for_it(serve_api, intake, http, batch):
    intake.trouble = TemporaryError("must not be asked")
    url = await serve_api()
    async with http.post(url + BATCH_PATH, json=batch) as answer:
        assert answer.status == 200
        assert len(await answer.json()) == len(batch)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid-json"),
        (b"[{", "invalid-json"),
        (b"\xff\xfe[]", "invalid-json"),
        (b"[" * 200_000, "invalid-json"),
        (b"[NaN]", "invalid-json"),
        (b"{}", "not-an-array"),
        (b"null", "not-an-array"),
        (json.dumps([{}] * 10_001).encode(), "too-many-items"),
    ],
    ids=lambda value: repr(value[:9]),
)
async def test_a_body_that_is_no_batch_is_refused(serve_api, intake, http, body, code):
    url = await serve_api()
    async with http.post(url + BATCH_PATH, data=body, headers=JSON) as answer:
        await error_of(answer, 400, code)
    assert intake.items == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
async def test_another_content_type_is_refused(serve_api, http, content_type):
    url = await serve_api()
    headers = {"Content-Type": content_type}
    async with http.post(url + BATCH_PATH, data=b"[]", headers=headers) as answer:
        message = await error_of(answer, 415, "wrong-content-type")
    assert "application/json" in message


async def test_parameters_of_the_content_type_do_not_matter(serve_api, http):
    url = await serve_api()
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    async with http.post(url + BATCH_PATH, data=b"[]", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413), (100_000, 413)])
async def test_a_body_has_a_limit(serve_api, http, declared, size, status):
    url = await serve_api(max_body=1000)

    async def stream():
        yield b"[]".ljust(600)
        yield b" " * (size - 600)

    body = b"[]".ljust(size) if declared else stream()
    async with http.post(url + BATCH_PATH, data=body, headers=JSON) as answer:
        if status == 200:
            assert await answer.json() == []
        else:
            assert "1000 bytes" in await error_of(answer, 413, "body-too-large")


async def test_a_body_declared_too_large_is_not_waited_for(serve_api):
    url = await serve_api(max_body=1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(f"POST {BATCH_PATH} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n".encode())
    writer.write(b"Content-Length: 99999999999\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_slow_body_is_given_up(serve_api):
    url = await serve_api(body_timeout=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(f"POST {BATCH_PATH} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n".encode())
    writer.write(b"Content-Length: 9\r\n\r\n[")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"body-timeout"' in answer


async def test_large_bodies_that_come_at_once_have_a_limit_in_all(serve_api, intake, http):
    url = await serve_api(max_body=1000)
    head = f"POST {BATCH_PATH} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n"
    writers, answers = [], []
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(head.encode() + b"Content-Length: 1000\r\n\r\n[" + b" " * 900)
        writers.append(writer)
        answers.append(asyncio.create_task(reader.read()))
    done, waiting = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 3:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    for each in done:
        assert each.result().startswith(b"HTTP/1.1 503 ")
        assert b'"busy"' in each.result()
    async with http.post(url + BATCH_PATH, json=[]) as answer:
        assert answer.status == 200, "small ones have room still"
    for writer in writers:
        writer.transport.abort()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with http.post(url + BATCH_PATH, data=b"[]".ljust(1000), headers=JSON) as answer:
        assert answer.status == 200


async def test_a_caller_who_leaves_in_mid_body_harms_nobody(serve_api, intake, http):
    url = await serve_api()
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(f"POST {BATCH_PATH} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n".encode())
    writer.write(b"Content-Length: 9\r\n\r\n[")
    await writer.drain()
    writer.close()
    async with http.post(url + BATCH_PATH, json=[TASK]) as answer:
        assert answer.status == 200
    assert len(intake.items) == 1


async def test_unknown_paths_and_methods_are_answered_in_json(serve_api, http):
    url = await serve_api()
    async with http.get(url + "/nothing") as answer:
        assert "/nothing" in await error_of(answer, 404, "not-found")
    async with http.post(url + BATCH_PATH + "/", json=[]) as answer:
        await error_of(answer, 404, "not-found")
    async with http.get(url + BATCH_PATH) as answer:
        await error_of(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(("asked", "told"), [(None, "1"), (0.2, "1"), (7.0, "7")])
async def test_nothing_can_be_stored(serve_api, intake, http, asked, told):
    url = await serve_api()
    intake.trouble = TemporaryError("Redis at x:6379 does not answer", retry_after=asked)
    async with http.post(url + BATCH_PATH, json=[TASK, 1]) as answer:
        assert await error_of(answer, 503, "unavailable") == "Redis at x:6379 does not answer"
        assert answer.headers["Retry-After"] == told


@pytest.mark.parametrize(
    "trouble", [PermanentError("Redis refuses the password"), RuntimeError("secret detail")]
)
async def test_a_fault_of_ours_shows_no_traceback(serve_api, intake, http, trouble):
    url = await serve_api()
    intake.trouble = trouble
    async with http.post(url + BATCH_PATH, json=[TASK]) as answer:
        message = await error_of(answer, 500, "internal")
    assert "Traceback" not in message
    assert "secret" not in message


async def test_the_token_is_asked_for_but_by_the_probes(serve_api, intake, http):
    url = await serve_api(token=lambda: "sesam")
    wrong = ["", "Bearer", "Bearer ", "Bearer sesa", "Bearer sesamo", "Bearer sésam", "Basic sesam", "sesam"]
    for shown in wrong:
        for method, path in (("POST", BATCH_PATH), ("GET", INFO_PATH)):
            async with http.request(method, url + path, headers={"Authorization": shown, **JSON}) as answer:
                await error_of(answer, 401, "unauthorized")
                assert answer.headers["WWW-Authenticate"] == "Bearer"
    async with http.post(url + BATCH_PATH, json=[TASK], headers={"Authorization": "bearer sesam"}) as answer:
        assert answer.status == 200
    for path in ("/healthz", "/readyz"):
        async with http.get(url + path) as answer:
            assert answer.status == 200
    assert len(intake.items) == 1


async def test_info_says_who_serves(serve_api, http):
    url = await serve_api(info={"bizId": "7"})
    async with http.get(url + INFO_PATH) as answer:
        info = await answer.json()
    assert info["name"] == "translator"
    assert info["taskTypes"] == ["CloudTask", "RevokeTask", "GetRunningTask"]
    assert info["bizId"] == "7"


async def test_ready_as_long_as_the_probe_says_so(serve_api, http):
    troubles = []

    async def ready():
        if troubles:
            raise troubles[0]
        return notes

    notes = {}
    url = await serve_api(ready=ready)
    async with http.get(url + "/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})
    notes["agentServer"] = "denied"
    async with http.get(url + "/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok", "agentServer": "denied"})
    troubles.append(TemporaryError("Redis is away"))
    async with http.get(url + "/readyz") as answer:
        assert await error_of(answer, 503, "not-ready") == "Redis is away"
    async with http.get(url + "/healthz") as answer:
        assert answer.status == 200


async def test_the_openapi_document_describes_the_batch(serve_api, http):
    url = await serve_api(token=lambda: "sesam")
    async with http.get(url + "/openapi.json") as answer:
        document = await answer.json()
    batch = document["paths"][BATCH_PATH]["post"]
    item = batch["requestBody"]["content"]["application/json"]["schema"]["items"]
    assert item["properties"]["taskType"]["enum"] == ["CloudTask", "RevokeTask", "GetRunningTask"]
    assert batch["responses"].keys() == {"200", "400", "401", "403", "408", "413", "415", "429", "503"}
    assert batch["security"] == [{"HTTPBearer": []}]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip"}, gzip.compress(b"[]", mtime=0)),
        ({"Content-Encoding": "br"}, b"x"),
        ({}, gzip.compress(b"[]", mtime=0)),
    ],
    ids=["gzip", "br", "untold"],
)
async def test_a_compressed_body_is_refused_with_the_remedy(serve_api, http, headers, body):
    url = await serve_api()
    async with http.post(url + BATCH_PATH, data=body, headers={**JSON, **headers}) as answer:
        message = await error_of(answer, 415, "wrong-content-encoding")
        assert answer.headers["Accept-Encoding"] == "identity"
    assert message.endswith("send the JSON as it is")


async def test_a_byte_order_mark_is_no_part_of_the_body(serve_api, intake, http):
    url = await serve_api()
    body = b"\xef\xbb\xbf" + json.dumps([TASK]).encode()
    async with http.post(url + BATCH_PATH, data=body, headers=JSON) as answer:
        assert answer.status == 200
    assert len(intake.items) == 1


async def test_a_key_given_twice_is_refused_item_by_item(serve_api, intake, http):
    url = await serve_api()
    twice = [
        '{"taskId": "a", "taskId": "b", "taskType": "CloudTask", "args": {}}',
        '{"taskId": "a", "TASKID": "b", "taskType": "CloudTask", "args": {}}',
        '{"taskId": "c", "taskType": "CloudTask", "args": {"timeout": 1, "timeout": 2}}',
        json.dumps(TASK),
    ]
    async with http.post(url + BATCH_PATH, data=f"[{','.join(twice)}]", headers=JSON) as answer:
        answers = await answer.json()
    told = [[(each["path"], each["code"]) for each in answer.get("problems", ())] for answer in answers]
    assert told == [[("taskId", "duplicate-key")], [("taskId", "duplicate-key")], [("", "unfit-json")], []]
    assert "'timeout' twice" in answers[2]["problems"][0]["message"]
    assert [item.task_id for item in intake.items] == ["t1"]


async def test_every_route_that_asks_for_the_token_says_so(serve_api, http):
    url = await serve_api(token=lambda: "sesam", desk=object())
    async with http.get(url + "/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    asked = 0
    for path, operations in paths.items():
        for method, operation in operations.items():
            url_path = url + path.replace("{task_id}", "t")
            async with http.request(method, url_path) as answer:
                assert (answer.status == 401) == ("401" in operation["responses"]), path
                asked += answer.status == 401
    assert asked == 13


async def test_head_is_answered_as_get_without_the_body(serve_api, http):
    url = await serve_api(token=lambda: "sesam")
    for path, status in (
        ("/healthz", 200),
        ("/readyz", 200),
        (INFO_PATH, 401),
        (BATCH_PATH, 405),
        ("/no", 404),
    ):
        async with http.head(url + path) as head, http.get(url + path) as get:
            assert (head.status, get.status) == (status, status)
            assert head.headers["Content-Length"] == get.headers["Content-Length"]
            assert await head.read() == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "LOCALHOST."}, 200),
        ({"Host": "127.8.9.1:80", "Origin": "http://localhost:3000"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "[::ffff:127.0.0.1]"}, 200),
        ({"Host": "translator.codo.svc:8080", "Origin": "https://console.example"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:8080"}, 403),
        ({"Host": "evil.example/localhost"}, 403),
        ({"Host": "evil.example@localhost"}, 403),
        ({"Host": "localhost:x"}, 403),
        ({"Host": "10.0.0.1"}, 403),
        ({"Host": "0.0.0.0"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "console.example.evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "chrome-extension://localhostx"}, 403),
    ],
    ids=str,
)
async def test_without_a_token_no_other_name_is_answered(serve_api, http, headers, status):
    """Against a web page that lets its own name point to this machine, and one that merely posts here."""
    url = await serve_api(allowed_hosts=["*.codo.svc", "console.example"])
    async with http.post(url + BATCH_PATH, json=[TASK], headers=headers) as answer:
        assert answer.status == status
        if status == 403:
            assert "set one of the two" in await error_of(answer, 403, "forbidden-host")
    async with http.get(url + "/docs", headers=headers) as answer:
        assert answer.status == status
    for path in ("/healthz", "/readyz"):
        async with http.get(url + path, headers=headers) as answer:
            assert answer.status == 200, "the kubelet asks at the pod's address"


async def test_two_hosts_are_none(serve_api):
    url = await serve_api()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"GET /docs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert (await reader.read())[:12] in {b"HTTP/1.1 403", b"HTTP/1.1 400"}
    writer.close()


async def test_with_a_token_the_token_decides(serve_api, http):
    url = await serve_api(token=lambda: "sesam")
    headers = {"Host": "translator.svc", "Authorization": "Bearer sesam"}
    async with http.post(url + BATCH_PATH, json=[TASK], headers=headers) as answer:
        assert answer.status == 200
