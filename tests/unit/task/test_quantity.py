from __future__ import annotations

from fractions import Fraction

import pytest

from translator.task.quantity import nearest_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("500m", Fraction(1, 2)),
        ("1n", Fraction(1, 10**9)),
        ("1u", Fraction(1, 10**6)),
        ("1k", 1000),
        ("128Mi", 128 << 20),
        ("1Ei", 1 << 60),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e-3", Fraction(1, 1000)),
        ("1.5Gi", 3 << 29),
    ],
)
def test_amounts(text, amount):
    assert parse_quantity(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1 Gi",
        "1gi",
        "1MB",
        "1K",
        "1mi",
        "1.2.3",
        ".",
        "e3",
        "1e",
        "1e3i",
        "1e9999999999",
        "1Kim",
        "--1",
        "１",
        "1" * 65,
    ],
)
def test_what_is_none(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("512MB", "512Mi"),
        ("512mb", "512Mi"),
        ("1 GB", "1Gi"),
        ("2 cores", "2"),
        ("2c", "2"),
        ("x", ""),
        ("1xyz", ""),
    ],
)
def test_what_was_meant(text, meant):
    assert nearest_quantity(text) == meant
