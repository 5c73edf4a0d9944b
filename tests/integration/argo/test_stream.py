"""Logs that are followed over TLS: in HTTP/1.0, where nothing but the connection's end ends the answer."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import HttpVersion10, HttpVersion11, web

from tests.integration.argo.fake_api import FakeApi, sends
from translator.engine.argo.answers import Call, UnavailableError
from translator.engine.argo.client import ApiServer

LOG = Call("get", "pods/log", "default", "p")
PATH = "/api/v1/namespaces/default/pods/p/log"
LINES = b"2026-01-01T00:00:00.000000001Z one\n2026-01-01T00:00:00.000000002Z two\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    command = [
        openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
async def fake(certificate: tuple[Path, Path]) -> AsyncIterator[FakeApi]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    server = FakeApi()
    await server.start(context)
    yield server
    await server.stop()


@pytest.fixture
async def api(fake: FakeApi, certificate: tuple[Path, Path]) -> AsyncIterator[ApiServer]:
    from kubernetes.aio.client import Configuration

    configuration = Configuration(host=fake.url)
    configuration.ssl_ca_cert = str(certificate[0])
    client = ApiServer(configuration, request_timeout=5)
    await client.open()
    yield client
    await client.close()


async def read(api: ApiServer, *, unchunked: bool = True) -> bytes:
    query = {"container": "main", "follow": "true"}
    async with api.stream(LOG, PATH, query, silence=5, unchunked=unchunked) as stream:
        return b"".join([chunk async for chunk in stream])


def versions(fake: FakeApi) -> list[object]:
    """Notes the version of HTTP in which each log is asked for."""
    asked: list[object] = []

    async def note(request: web.Request) -> None:
        asked.append(request.version)

    fake.faults["GET", "pods/log"].extend([note] * 5)  # type: ignore[list-item]
    return asked


async def test_it_is_asked_in_http_1_0_and_ends_with_the_connection(fake: FakeApi, api: ApiServer) -> None:
    asked = versions(fake)
    fake.logs["p", "main"].append(sends(LINES[:20], LINES[20:]))
    assert await read(api) == LINES
    assert asked == [HttpVersion10]


async def test_what_is_not_followed_is_asked_as_usual(fake: FakeApi, api: ApiServer) -> None:
    asked = versions(fake)
    fake.logs["p", "main"].append(sends(LINES))
    assert await read(api, unchunked=False) == LINES
    assert asked == [HttpVersion11]


async def test_an_end_without_goodbye_is_no_end(fake: FakeApi, api: ApiServer) -> None:
    """TLS says when the other side ends a connection: a proxy that died, or anybody between, does not."""
    fake.logs["p", "main"].append(sends(LINES, then="break"))
    with pytest.raises(UnavailableError, match=r"cut off|broke"):
        await read(api)


@pytest.mark.parametrize("status", [426, 505])
async def test_a_proxy_that_does_not_speak_http_1_0_is_asked_in_1_1(
    fake: FakeApi, api: ApiServer, status: int
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        assert request.version == HttpVersion10
        return web.Response(status=status)

    fake.faults["GET", "pods/log"].append(refuse)
    asked = versions(fake)
    fake.logs["p", "main"].append(sends(LINES))
    assert await read(api) == LINES
    assert asked == [HttpVersion11]
