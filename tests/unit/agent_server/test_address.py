from __future__ import annotations

import pytest
from yarl import URL

from translator.agent_server.address import join, link_address, parse_listen
from translator.errors import PermanentError


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h:1", "/a/b", "http://h:1/a/b"),
        ("http://h:1/", "a/b", "http://h:1/a/b"),
        ("https://h/codo/", "/a", "https://h/codo/a"),
        ("https://h/codo?x=1#y", "/a", "https://h/codo/a"),
        ("http://[::1]:80", "/a", "http://[::1]/a"),
    ],
)
def test_a_path_goes_below_the_address(base, path, url):
    assert str(join(base, path)) == url


@pytest.mark.parametrize(
    "base", ["", "h:1", "ftp://h", "http://", "//h", "http://h:99999", "unix:/x", "http://[::1"]
)
def test_what_is_no_http_address_is_refused(base):
    with pytest.raises(PermanentError, match="no address of an HTTP server") as caught:
        join(base, "/a")
    assert "http://HOST:PORT" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:8080", ("localhost", 8080))],
)
def test_host_and_port_to_listen_on(text, expected):
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":80", "8080", "host", "host:", "h:x", "h:99999", "h:1/x", "u@h:1", "::1:80:", "h:-1"]
)
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("url", "dialled", "name"),
    [
        ("ws://h:1?clientId=a", "ws://h:1/api/v1/agent/link?clientId=a", "a"),
        ("WSS://h/?clientId=a%20b&x=1", "wss://h/api/v1/agent/link?clientId=a%20b&x=1", "a b"),
        ("ws://h/codo/link?clientId=a", "ws://h/codo/link?clientId=a", "a"),
    ],
)
def test_a_links_address_names_the_agent(url, dialled, name):
    found, client_id = link_address(url)
    assert (found, client_id) == (URL(dialled), name)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://h?clientId=a", "no address of a WebSocket server"),
        ("ws://?clientId=a", "no address of a WebSocket server"),
        ("ws://h:99999", "no address of a WebSocket server"),
        ("ws://h", "does not say which agent"),
        ("ws://h?clientId=", "does not say which agent"),
    ],
)
def test_what_is_no_links_address_is_refused(url, message):
    with pytest.raises(PermanentError, match=message) as caught:
        link_address(url)
    assert "clientId=NAME" in caught.value.remedy
