from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.agent_server.json_text import MalformedError, parse_json
from translator.agent_server.protocol import (
    MAX_ITEMS,
    Answer,
    Known,
    Refusal,
    TaskItem,
    encode_events,
    encode_held,
    encode_known,
    encode_question,
    parse_batch,
    parse_events,
    parse_held,
    parse_known,
    parse_question,
)
from translator.task.problem import Problem, Severity

SEED_BATCH = Path(__file__).parents[3] / "data" / "seed" / "batch.json"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def codes(entry: TaskItem | Refusal) -> list[tuple[str, str]]:
    assert isinstance(entry, Refusal)
    return [(problem.path, problem.code) for problem in entry.problems]


def test_the_seeds_batch_is_one_cloud_task():
    (item,) = parse_batch(parse_json(SEED_BATCH.read_bytes()))
    assert isinstance(item, TaskItem)
    assert (item.task_id, item.task_type, item.agent_id) == ("task123", "CloudTask", "agent456")
    assert isinstance(item.args, dict)
    assert item.args["timeout"] == 60
    assert item.args["taskYaml"].startswith("# [必选] 任务定义\ntaskSpec:")


def test_the_spelling_of_the_seeds_prose_is_understood():
    (item,) = parse_batch([{"TaskID": "t", "taskType": "CloudTask", "agentID": "a", "Args": {}}])
    assert item == TaskItem("t", "CloudTask", "a", {})


def test_unknown_keys_are_ignored_and_absent_ones_are_told():
    kept, refused = parse_batch([{"taskId": "t", "taskType": "RevokeTask", "createdBy": 1}, {"agentId": "a"}])
    assert kept == TaskItem("t", "RevokeTask", "", None)
    assert codes(refused) == [("taskId", "missing-key"), ("taskType", "missing-key")]


@pytest.mark.parametrize(
    ("item", "task_id", "expected"),
    [
        (7, "", [("", "wrong-type")]),
        ({"taskId": 7, "taskType": "CloudTask"}, "", [("taskId", "wrong-type")]),
        (
            {"taskId": [], "taskType": {}, "agentId": True},
            "",
            [(key, "wrong-type") for key in ("taskId", "taskType", "agentId")],
        ),
        ({"taskId": "", "taskType": "CloudTask"}, "", [("taskId", "missing-key")]),
        ({"taskId": "t", "taskType": "ShellTask"}, "t", [("taskType", "unknown-task-type")]),
        ({"taskId": "t", "taskID": "u", "taskType": "CloudTask"}, "u", [("taskId", "duplicate-key")]),
        ({"taskId": "t", "taskType": "CloudTask", "args": {"taskYaml": "\ud800"}}, "t", [("", "unfit-json")]),
        ({"taskId": "\ud800", "taskType": "CloudTask"}, "", [("", "unfit-json")]),
        ({"taskId": "t", "taskType": "CloudTask", "args": {"timeout": 1e400}}, "t", [("", "unfit-json")]),
        (
            {"taskId": "t", "taskType": "CloudTask", "args": json.loads("[" * 60 + "]" * 60)},
            "t",
            [("", "unfit-json")],
        ),
    ],
)
def test_a_faulty_envelope_is_refused_with_every_fault(item, task_id, expected):
    good = {"taskId": "good", "taskType": "CloudTask", "agentId": "a", "args": {}}
    before, refused, after = parse_batch([good, item, good])
    assert isinstance(before, TaskItem)
    assert isinstance(after, TaskItem)
    assert codes(refused) == expected
    assert refused.task_id == task_id
    answer = refused.answer().as_json()
    assert answer["outcome"] == "rejected"
    assert [problem["code"] for problem in answer["problems"]] == [code for _, code in expected]


def test_the_hint_names_the_known_task_types():
    (refused,) = parse_batch([{"taskId": "t", "taskType": "ShellTask"}])
    assert isinstance(refused, Refusal)
    assert "CloudTask, RevokeTask, GetRunningTask" in refused.problems[0].hint


@pytest.mark.parametrize("data", [{}, "x", 1, None, True])
def test_a_batch_that_is_no_array_is_malformed(data):
    with pytest.raises(MalformedError, match="array") as caught:
        parse_batch(data)
    assert caught.value.code == "not-an-array"


def test_a_batch_has_a_limit():
    item = {"taskId": "t", "taskType": "CloudTask"}
    assert len(parse_batch([item] * MAX_ITEMS)) == MAX_ITEMS
    with pytest.raises(MalformedError, match="at most 10000"):
        parse_batch([item] * (MAX_ITEMS + 1))


@given(
    st.lists(
        JSON
        | st.fixed_dictionaries({}, optional=dict.fromkeys(("taskId", "taskType", "agentId", "args"), JSON))
    )
)
def test_any_json_gives_one_entry_for_each_item(items):
    entries = parse_batch(items)
    assert len(entries) == len(items)
    for entry in entries:
        if isinstance(entry, Refusal):
            json.dumps(entry.answer().as_json(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"{'a': 1}",
        b"\xff",
        b"[NaN]",
        b"[Infinity]",
        b"[" * 100_000,
        b"9" * 5000,
        b'"\t"',
        b"[1] x",
    ],
    ids=lambda body: repr(body[:8]),
)
def test_what_is_no_json_is_malformed(body):
    with pytest.raises(MalformedError) as caught:
        parse_json(body)
    assert caught.value.code == "invalid-json"


def test_an_answer_leaves_out_what_it_does_not_know():
    assert Answer("t", "accepted").as_json() == {"taskId": "t", "outcome": "accepted"}
    warning = Problem(Severity.WARNING, "a.b", 3, 5, "is odd", "", "odd")
    full = Answer("t", "duplicate", (warning,), "Running", "held since a minute").as_json()
    assert full == {
        "taskId": "t",
        "outcome": "duplicate",
        "phase": "Running",
        "message": "held since a minute",
        "problems": [warning.as_json()],
    }


EVENT = {
    "taskId": "t",
    "agentId": "a",
    "attempt": 1,
    "seq": 1,
    "time": "2026-01-01T00:00:00Z",
    "kind": "log",
    "lines": [],
}


@given(st.lists(st.text(st.characters(), max_size=20)))
def test_events_come_back_as_they_were_sent(lines):
    events = [{**EVENT, "step": "s", "lines": lines}]
    assert parse_events(encode_events(events)) == events


def test_chinese_text_costs_its_utf8_bytes_and_half_pairs_stay_json():
    body = encode_events([{**EVENT, "lines": ["步骤", "\ud800"]}])
    assert "步骤".encode() in body
    assert json.loads(body)["events"][0]["lines"] == ["步骤", "\ud800"]


@pytest.mark.parametrize(
    "change",
    [
        {"taskId": ""},
        {"taskId": 1},
        {"attempt": 0},
        {"attempt": True},
        {"seq": 0},
        {"seq": "1"},
        {"agentId": None},
        {"kind": 4},
        {"lines": None},
    ],
    ids=str,
)
def test_events_must_say_what_they_belong_to(change):
    with pytest.raises(MalformedError, match=r"events\[1\]"):
        parse_events(json.dumps({"events": [EVENT, {**EVENT, **change}]}).encode())


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"events": {}}', b'{"events": [3]}', b"null"])
def test_what_is_no_batch_of_events_is_malformed(body):
    with pytest.raises(MalformedError):
        parse_events(body)


@given(
    st.dictionaries(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 9)),
        st.integers(0, 10**12),
    )
)
def test_held_comes_back_as_it_was_answered(held):
    assert parse_held(encode_held(held)) == held


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        b"{}",
        b"[]",
        b'{"held": null}',
        b'{"held": [{}]}',
        b'{"held": [{"taskId": "t", "attempt": 1}]}',
        b'{"held": [{"taskId": "t", "attempt": 1, "seq": -1}]}',
        b'{"held": [{"taskId": "t", "attempt": 1, "seq": true}]}',
        b'{"held": [{"taskId": "t", "attempt": 1, "seq": 1.5}]}',
    ],
)
def test_an_answer_that_makes_no_sense_is_malformed(body):
    with pytest.raises(MalformedError):
        parse_held(body)


def test_what_is_held_may_grow_new_fields():
    body = b'{"held": [{"taskId": "t", "attempt": 2, "seq": 0, "since": "x"}], "next": 1}'
    assert parse_held(body) == {("t", 2): 0}


def test_a_question_and_its_answer_come_back_as_they_were():
    attempts = [("t1", 1), ("ü", 7)]
    assert parse_question(encode_question(attempts)) == attempts
    known = {("t1", 1): Known(0), ("ü", 7): Known(12, "TimedOut")}
    assert parse_known(encode_known(known)) == known


def test_a_question_is_no_event_to_who_does_not_know_it():
    assert parse_events(encode_question([("t1", 1)])) == []
    assert parse_question(encode_events([])) == []


@pytest.mark.parametrize("body", [b'{"ask": 1}', b'{"ask": [1]}', b'{"ask": [{"taskId": "", "attempt": 1}]}'])
def test_what_is_no_question_is_malformed(body):
    with pytest.raises(MalformedError):
        parse_question(body)


@pytest.mark.parametrize("phase", ["Running", "", "Gone", 1, None, ["Failed"]])
def test_a_phase_that_is_not_final_is_no_answer(phase):
    row = {"taskId": "t", "attempt": 1, "seq": 1, "phase": phase}
    body = json.dumps({"held": [row]}).encode()
    if phase == "":
        assert parse_known(body) == {("t", 1): Known(1)}
    else:
        with pytest.raises(MalformedError, match="phase"):
            parse_known(body)
