"""Durations against Go's own answers.

The tables were made by a Go 1.26 program that printed ``time.ParseDuration(text)`` and ``Duration.String()``.
"""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.task.duration import format_duration, parse_duration

GO_READS = [
    ("0", 0, "0s"),
    ("+0", 0, "0s"),
    ("-0", 0, "0s"),
    ("0s", 0, "0s"),
    ("5s", 5_000_000_000, "5s"),
    ("30s", 30_000_000_000, "30s"),
    ("1478s", 1_478_000_000_000, "24m38s"),
    ("-5s", -5_000_000_000, "-5s"),
    ("+5s", 5_000_000_000, "5s"),
    ("5.0s", 5_000_000_000, "5s"),
    ("5.6s", 5_600_000_000, "5.6s"),
    ("5.s", 5_000_000_000, "5s"),
    ("1.s", 1_000_000_000, "1s"),
    (".5s", 500_000_000, "500ms"),
    ("-.5s", -500_000_000, "-500ms"),
    ("+.5s", 500_000_000, "500ms"),
    ("1.0s", 1_000_000_000, "1s"),
    ("1.00s", 1_000_000_000, "1s"),
    ("1.004s", 1_004_000_000, "1.004s"),
    ("1.0040s", 1_004_000_000, "1.004s"),
    ("100.00100s", 100_001_000_000, "1m40.001s"),
    ("10ns", 10, "10ns"),
    ("11us", 11_000, "11\xb5s"),
    ("12\xb5s", 12_000, "12\xb5s"),
    ("12\u03bcs", 12_000, "12\xb5s"),
    ("13ms", 13_000_000, "13ms"),
    ("14s", 14_000_000_000, "14s"),
    ("15m", 900_000_000_000, "15m0s"),
    ("16h", 57_600_000_000_000, "16h0m0s"),
    ("3h30m", 12_600_000_000_000, "3h30m0s"),
    ("10.5s4m", 250_500_000_000, "4m10.5s"),
    ("-2m3.4s", -123_400_000_000, "-2m3.4s"),
    ("1h2m3s4ms5us6ns", 3_723_004_005_006, "1h2m3.004005006s"),
    ("39h9m14.425s", 140_954_425_000_000, "39h9m14.425s"),
    ("52763797000ns", 52_763_797_000, "52.763797s"),
    ("0.3333333333333333333h", 1_200_000_000_000, "20m0s"),
    ("9007199254740993ns", 9_007_199_254_740_993, "2501h59m59.254740993s"),
    ("9223372036854775807ns", 9_223_372_036_854_775_807, "2562047h47m16.854775807s"),
    ("9223372036854775.807us", 9_223_372_036_854_775_807, "2562047h47m16.854775807s"),
    ("9223372036s854ms775us807ns", 9_223_372_036_854_775_807, "2562047h47m16.854775807s"),
    ("-9223372036854775808ns", -9_223_372_036_854_775_808, "-2562047h47m16.854775808s"),
    ("-9223372036854775.808us", -9_223_372_036_854_775_808, "-2562047h47m16.854775808s"),
    ("0.100000000000000000000h", 360_000_000_000, "6m0s"),
    ("0.830103483285477580700h", 2_988_372_539_827, "49m48.372539827s"),
    ("2562047h47m16.854775807s", 9_223_372_036_854_775_807, "2562047h47m16.854775807s"),
    ("-2562047h47m16.854775808s", -9_223_372_036_854_775_808, "-2562047h47m16.854775808s"),
    ("300ms", 300_000_000, "300ms"),
    ("2h45m", 9_900_000_000_000, "2h45m0s"),
    ("1.5h", 5_400_000_000_000, "1h30m0s"),
    ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
    ("1h1h", 7_200_000_000_000, "2h0m0s"),
    ("1s1m", 61_000_000_000, "1m1s"),
    ("1.0000000000000000000000001s", 1_000_000_000, "1s"),
    ("0.9223372036854775807s", 922_337_203, "922.337203ms"),
    ("0.9223372036854775808s", 922_337_203, "922.337203ms"),
    ("0.1ns", 0, "0s"),
    ("0.9ns", 0, "0s"),
    ("1.9ns", 1, "1ns"),
    ("0.000000001s", 1, "1ns"),
    ("0.0000000009s", 0, "0s"),
    ("1.1s", 1_100_000_000, "1.1s"),
    ("2.3m", 138_000_000_000, "2m18s"),
    ("0.7h", 2_520_000_000_000, "42m0s"),
    ("4.35h", 15_660_000_000_000, "4h21m0s"),
    ("1.005us", 1_005, "1.005\xb5s"),
    ("8.3ms", 8_300_000, "8.3ms"),
    ("123456789.987654321s", 123_456_789_987_654_321, "34293h33m9.987654321s"),
    ("000000000000000000000001s", 1_000_000_000, "1s"),
    ("1m", 60_000_000_000, "1m0s"),
    ("1ms", 1_000_000, "1ms"),
]

GO_REFUSES = [
    ("", 'invalid duration ""'),
    ("00", 'missing unit in duration "00"'),
    ("9223372036854775808ns", 'invalid duration "9223372036854775808ns"'),
    ("-9223372036854775809ns", 'invalid duration "-9223372036854775809ns"'),
    ("9223372036854775.808us", 'invalid duration "9223372036854775.808us"'),
    ("2562048h", 'invalid duration "2562048h"'),
    ("9223372036s854ms775us808ns", 'invalid duration "9223372036s854ms775us808ns"'),
    ("3", 'missing unit in duration "3"'),
    ("-", 'invalid duration "-"'),
    ("+", 'invalid duration "+"'),
    ("s", 'invalid duration "s"'),
    (".", 'invalid duration "."'),
    ("-.", 'invalid duration "-."'),
    (".s", 'invalid duration ".s"'),
    ("+.s", 'invalid duration "+.s"'),
    ("1d", 'unknown unit "d" in duration "1d"'),
    ("1w", 'unknown unit "w" in duration "1w"'),
    ("10 s", 'unknown unit " s" in duration "10 s"'),
    (" 10s", 'invalid duration " 10s"'),
    ("10s ", 'unknown unit "s " in duration "10s "'),
    ("1h 30m", 'unknown unit "h " in duration "1h 30m"'),
    ("1,5s", 'unknown unit "," in duration "1,5s"'),
    ("1e3s", 'unknown unit "e" in duration "1e3s"'),
    ("++1s", 'invalid duration "++1s"'),
    ("--1s", 'invalid duration "--1s"'),
    ("+-1s", 'invalid duration "+-1s"'),
    ("1S", 'unknown unit "S" in duration "1S"'),
    ("1H", 'unknown unit "H" in duration "1H"'),
    ("1Ms", 'unknown unit "Ms" in duration "1Ms"'),
    (
        "10\u5206\u949f",
        'unknown unit "\\xe5\\x88\\x86\\xe9\\x92\\x9f" in duration "10\\xe5\\x88\\x86\\xe9\\x92\\x9f"',
    ),
    ("1.2.3s", 'missing unit in duration "1.2.3s"'),
    ("1..5s", 'missing unit in duration "1..5s"'),
    ("0x10s", 'unknown unit "x" in duration "0x10s"'),
    ('1s"', 'unknown unit "s\\"" in duration "1s\\""'),
    ("a\\b", 'invalid duration "a\\\\b"'),
    ("\x00", 'invalid duration "\\x00"'),
    ("1s\n", 'unknown unit "s\\x0a" in duration "1s\\x0a"'),
    ("99999999999999999999s", 'invalid duration "99999999999999999999s"'),
    ("1mm", 'unknown unit "mm" in duration "1mm"'),
    ("inf", 'invalid duration "inf"'),
    ("NaN", 'invalid duration "NaN"'),
    ("\uff11s", 'invalid duration "\\xef\\xbc\\x91s"'),
]


@pytest.mark.parametrize(("text", "ns", "printed"), GO_READS)
def test_reads_and_prints_as_go_does(text, ns, printed):
    assert parse_duration(text) == ns
    assert format_duration(ns) == printed


@pytest.mark.parametrize(("text", "sentence"), GO_REFUSES)
def test_refuses_with_gos_words(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parse_duration(text)


@given(st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1))
def test_what_it_prints_reads_back_as_the_same(ns):
    assert parse_duration(format_duration(ns)) == ns


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_duration(text), int)


def test_a_million_digits_are_refused_at_once():
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration("9" * 1_000_000 + "s")
