from __future__ import annotations

import pytest

from translator.store.connect import parse_address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis:6380", ("redis", 6380)),
        ("redis", ("redis", 6379)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("[::1]:6380", ("::1", 6380)),
        ("[::1]", ("::1", 6379)),
    ],
)
def test_addresses(address, expected):
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    "address", ["", ":1", "redis:", "redis:x", "redis:0", "redis:65536", "redis://h:1", "h:-1"]
)
def test_no_addresses(address):
    with pytest.raises(ValueError, match="is not host:port"):
        parse_address(address)
