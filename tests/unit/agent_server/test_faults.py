from __future__ import annotations

import pytest

from translator.agent_server.faults import Fault, Faults, parse_faults
from translator.agent_server.json_text import MalformedError


def test_faults_come_in_order_as_often_as_asked():
    faults = Faults()
    faults.add(Fault(count=2, status=503), Fault(drop="after"))
    assert [(fault.status, fault.drop) for fault in iter(faults.take, None)] == [
        (503, ""),
        (503, ""),
        (0, "after"),
    ]
    faults.add(Fault(count=5))
    faults.clear()
    assert faults.take() is None


def test_faults_are_read_from_one_object_or_many():
    assert parse_faults({"status": 429, "retryAfter": 2}) == [Fault(status=429, retry_after="2")]
    assert parse_faults({"duplicate": True, "reorder": True}) == [Fault(duplicate=True, reorder=True)]
    assert parse_faults([{"count": 3, "delay": 0.5}, {"drop": "before"}]) == [
        Fault(count=3, delay=0.5),
        Fault(drop="before"),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "object"),
        ([None], "object"),
        ({"stauts": 500}, "no field stauts"),
        ({"count": 0}, "count"),
        ({"count": True}, "count"),
        ({"status": 42}, "status"),
        ({"delay": -1}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"drop": "now"}, "drop"),
        ({"drop": []}, "drop"),
        ({"duplicate": 1}, "duplicate"),
        ({"reorder": "yes"}, "reorder"),
    ],
    ids=str,
)
def test_what_is_no_fault_is_malformed(data, message):
    with pytest.raises(MalformedError, match=message):
        parse_faults(data)
