from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.task.params import read_params


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, ()),
        ("", ()),
        ("{}", ()),
        ({}, ()),
        ('{"abc": "1"}', (("abc", "1"),)),
        ('{"a": "中文 $X {{x}}\\n"}', (("a", "中文 $X {{x}}\n"),)),
        (
            '{"a": 1, "b": 1.0, "c": 1e3, "d": -0, "e": 12345678901234567890123}',
            (("a", "1"), ("b", "1.0"), ("c", "1e3"), ("d", "-0"), ("e", "12345678901234567890123")),
        ),
        ('{"a": true, "b": false, "c": null}', (("a", "true"), ("b", "false"), ("c", ""))),
        (
            {"a": True, "b": None, "c": 1, "d": 1.0, "e": 10**30},
            (("a", "true"), ("b", ""), ("c", "1"), ("d", "1.0"), ("e", "1" + "0" * 30)),
        ),
        ({"z": "1", "a": "2"}, (("z", "1"), ("a", "2"))),
    ],
)
def test_each_value_becomes_text(params, expected):
    assert read_params(params) == (expected, [])


@pytest.mark.parametrize(
    ("params", "path", "code"),
    [
        ("{", (), "bad-json"),
        ("{'a': 1}", (), "bad-json"),
        ('{"a": NaN}', (), "bad-json"),
        ("[" * 100_000, (), "bad-json"),
        ("[]", (), "wrong-type"),
        ("1", (), "wrong-type"),
        (" " * (1 << 21), (), "too-large"),
        ([], (), "wrong-type"),
        (1, (), "wrong-type"),
        ('{"a": [1]}', ("a",), "nested-param"),
        ('{"a": {"b": 1}}', ("a",), "nested-param"),
        ({"a": {}}, ("a",), "nested-param"),
        ({"a": float("inf")}, ("a",), "nested-param"),
        ({"a": 10**5000}, ("a",), "nested-param"),
        ('{"a": 1, "a": 2}', ("a",), "duplicate-key"),
        ('{"a=b": 1}', ("a=b",), "bad-param-name"),
        ('{"": 1}', ("",), "bad-param-name"),
        ({1: "a"}, ("1",), "bad-param-name"),
        ('{"变量": 1}', ("变量",), "bad-param-name"),
        ('{"a": "\\u0000"}', ("a",), "bad-character"),
        ('{"a": "\\ud800"}', ("a",), "bad-character"),
        ({"a": "x" * 140_000}, ("a",), "too-long"),
    ],
)
def test_faults(params, path, code):
    _, faults = read_params(params)
    assert [(f.path, f.code) for f in faults] == [(("args", "scriptParams", *path), code)]


@given(
    st.one_of(
        st.text(max_size=50), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists)
    )
)
def test_nothing_raises(params):
    pairs, _ = read_params(params)
    assert all(isinstance(text, str) for _, text in pairs)
