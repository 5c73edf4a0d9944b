"""A script's arguments against its own comment, which names them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.integration.store.samples import REF, event, new_task, state
from translator.store import arguments, scripts
from translator.store.rebuild import REBUILD
from translator.store.record import Rebuilt, Record

STATE = state("t1", 7)
RECORD = Record("t1", "agent", {}, 3, STATE)
REBUILT = Rebuilt("agent", {"timeout": 1}, "h1", 5, replace(STATE, attempt=3), (), None, None, 1000)
COMMON = {"id": "t1", "attempt": 1, "seq": 7, "phase": "Running"}


def named(script, args):
    """The arguments by name, those of the `fields` apart, and what follows: the events."""
    [comment] = re.findall(r"-- ARGV ((?:.|\n-- )*?then events)", script.text)
    names = re.split(r",? then ", comment.replace("\n-- ", " "))[0].rstrip(",").split()
    found = dict(zip(names, args, strict=False))
    rest = args[len(names) :]
    pairs = 2 * found.get("fields", 0)
    return found, dict(zip(rest[:pairs:2], rest[1:pairs:2], strict=True)), rest[pairs:]


@pytest.mark.parametrize(
    ("script", "args", "expected"),
    [
        (
            scripts.ACCEPT,
            arguments.accept(replace(new_task(), state=STATE, events=()), 1000, 1000.5),
            {"hash": "h1", "now_ms": 1000, "order": 1000.5, "agent": "agent"},
        ),
        (
            scripts.APPEND,
            arguments.append(RECORD, STATE, (), workflow=None, deadline=None, elapsed=None, keep_s=60),
            {"version": 3, "final": 0, "keep_s": 60, "fields": 0},
        ),
        (
            scripts.RETRY,
            arguments.retry(RECORD, STATE, (), 1000.5, "r1"),
            {"version": 3, "order": 1000.5, "request": "r1"},
        ),
        (
            REBUILD,
            arguments.rebuild("t1", REBUILT, 2000, 60),
            {
                "version": "",
                "now_ms": 2000,
                "keep_s": 60,
                "held": 5,
                "attempt": 3,
                "final": 0,
                "ends": "0 0 ",
            },
        ),
    ],
    ids=["accept", "append", "retry", "rebuild"],
)
def test_they_are_in_the_order_that_the_script_names(script, args, expected):
    found, _, events = named(script, args)
    assert {name: found[name] for name in COMMON | expected} == COMMON | expected
    assert events == []


def test_the_fields_of_a_workflow_are_counted():
    args = arguments.append(
        RECORD, STATE, [event("t1", 8)], workflow=REF, deadline=2000.5, elapsed=None, keep_s=60
    )
    _, fields, events = named(scripts.APPEND, args)
    assert fields == {
        "workflow": '{"name":"task-t1-a1","namespace":"default","uid":"uid-1"}', "deadline": "2000.5",
    }  # fmt: skip
    assert events[:3] == [8, "a", 1]


def test_a_rebuilt_record_has_only_the_fields_that_are_known():
    _, fields, _ = named(REBUILD, arguments.rebuild("t1", REBUILT, 2000, 60))
    assert fields.keys() == {"hash", "accepted", "agent", "args"}
    known = replace(REBUILT, workflow=REF, deadline=1.5, revoked="why", version=4)
    found, fields, _ = named(REBUILD, arguments.rebuild("t1", known, 2000, 60))
    assert fields.keys() == {
        "hash", "accepted", "agent", "args", "workflow", "begun", "deadline", "revoked",
    }  # fmt: skip
    assert found["version"] == 4
