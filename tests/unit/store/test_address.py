from __future__ import annotations

import pytest

from translator.store.address import Address, Topology, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis:6380", Address(nodes=(("redis", 6380),))),
        ("redis", Address(nodes=(("redis", 6379),))),
        ("10.0.0.1:1", Address(nodes=(("10.0.0.1", 1),))),
        ("[::1]:6380", Address(nodes=(("::1", 6380),))),
        ("[::1]", Address(nodes=(("::1", 6379),))),
        ("redis://h", Address(nodes=(("h", 6379),))),
        ("redis://h:1/3", Address(nodes=(("h", 1),), db=3)),
        (
            "rediss://u:p%40ss@h:1/",
            Address(nodes=(("h", 1),), username="u", password="p@ss", tls=True),
        ),
        ("redis://:secret@[::1]:7", Address(nodes=(("::1", 7),), password="secret")),
        ("unix:///run/redis.sock", Address(path="/run/redis.sock")),
        ("unix://u:p@/run/a%20b.sock?db=2", Address(path="/run/a b.sock", db=2, username="u", password="p")),
        (
            "redis+sentinel://s1:1,s2/mymaster/4",
            Address(Topology.SENTINEL, (("s1", 1), ("s2", 26379)), master="mymaster", db=4),
        ),
        (
            "rediss+sentinel://u:p@s1/mymaster",
            Address(
                Topology.SENTINEL, (("s1", 26379),), master="mymaster", username="u", password="p", tls=True
            ),
        ),
        ("redis+cluster://a:1,b", Address(Topology.CLUSTER, (("a", 1), ("b", 6379)), db=0)),
        ("rediss+cluster://a/0", Address(Topology.CLUSTER, (("a", 6379),), db=0, tls=True)),
    ],
)
def test_addresses(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not host:port"),
        (":1", "not host:port"),
        ("redis:", "not host:port"),
        ("redis:x", "not host:port"),
        ("redis:0", "not host:port"),
        ("redis:65536", "not host:port"),
        ("h:-1", "not host:port"),
        ("redis://", "not host:port"),
        ("http://h:1", "is none of redis, rediss, unix"),
        ("redis+proxy://h:1", "is none of redis, rediss, unix"),
        ("redis://a:1,b:2", "names one server"),
        ("redis://a/x", "not the number of a database"),
        ("redis://a/1/2", "names one server"),
        ("unix://host/path", "unix:///PATH"),
        ("unix:", "not host:port"),
        ("redis+sentinel://a:1", "master's name"),
        ("redis+sentinel://a:1/m/1/2", "master's name"),
        ("redis+cluster://a:1/3", "only database 0"),
    ],
)
def test_no_addresses(text, why):
    with pytest.raises(ValueError, match=why):
        parse_address(text)
