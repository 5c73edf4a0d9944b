from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, says, sends, status
from translator.engine.argo.answers import Call, UnavailableError
from translator.engine.argo.client import ApiServer
from translator.errors import PermanentError

PODS = "/api/v1/pods"
LIST = Call("list", "pods")


def kubeconfig(path: Path, url: str, token: str) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return str(path)


class Tokens:
    """Lets only one token in, and notes those that came."""

    def __init__(self, fake: FakeApi, valid: str) -> None:
        self.valid = valid
        self.came: list[str] = []
        fake.faults["GET", "pods"].extend([self.check] * 10)

    async def check(self, request: web.Request) -> Any:
        self.came.append(request.headers.get("Authorization", ""))
        if self.came[-1] != f"Bearer {self.valid}":
            return web.json_response(status(401, "Unauthorized"), status=401)
        return None


async def test_a_kubeconfig_s_token_is_sent(fake: FakeApi, tmp_path: Path) -> None:
    tokens = Tokens(fake, "secret")
    api = ApiServer(kubeconfig=kubeconfig(tmp_path / "config", fake.url, "secret"))
    await api.open()
    assert (await api.get(LIST, PODS))["items"] == []
    assert tokens.came == ["Bearer secret"]
    await api.close()


async def test_an_expired_token_is_read_anew(fake: FakeApi, tmp_path: Path) -> None:
    tokens = Tokens(fake, "new")
    file = tmp_path / "config"
    api = ApiServer(kubeconfig=kubeconfig(file, fake.url, "old"))
    await api.open()
    kubeconfig(file, fake.url, "new")
    assert (await api.get(LIST, PODS))["items"] == []
    assert tokens.came == ["Bearer old", "Bearer new"]
    await api.close()


async def test_credentials_that_stay_bad_are_no_task_s_fault(fake: FakeApi, tmp_path: Path) -> None:
    Tokens(fake, "another")
    api = ApiServer(kubeconfig=kubeconfig(tmp_path / "config", fake.url, "old"))
    await api.open()
    with pytest.raises(UnavailableError, match="Unauthorized") as error:
        await api.get(LIST, PODS)
    assert error.value.status == 401
    await api.close()


async def test_kubeconfig_is_found_as_kubectl_does(
    fake: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", fake.url, "t"))
    api = ApiServer()
    await api.open()
    assert (await api.get(LIST, PODS))["items"] == []
    await api.close()


async def test_no_cluster_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(PermanentError, match="KUBECONFIG") as error:
        await ApiServer().open()
    assert error.value.remedy


@pytest.mark.parametrize("content", ["", "{", "apiVersion: v1\nkind: Config\n", "[]", "contexts: 3\n"])
async def test_a_broken_kubeconfig_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    with pytest.raises(PermanentError, match=str(file)):
        await ApiServer(kubeconfig=str(file)).open()


async def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="nowhere"):
        await ApiServer(kubeconfig=str(tmp_path / "nowhere")).open()


@pytest.mark.parametrize("body", ["<html>a proxy's page</html>", "[]", "", '{"half'])
async def test_an_answer_that_is_no_object_is_for_later(fake: FakeApi, api: ApiServer, body: str) -> None:
    fake.faults["GET", "pods"].append(says(200, body))
    with pytest.raises(UnavailableError, match="cannot list pods"):
        await api.get(LIST, PODS)


async def test_a_hanging_answer_is_given_up(fake: FakeApi) -> None:
    from kubernetes.aio.client import Configuration

    api = ApiServer(Configuration(host=fake.url), request_timeout=0.05)
    await api.open()
    fake.faults["GET", "pods"].append(sends(b'{"items"', then="hang"))
    with pytest.raises(UnavailableError, match="cannot list pods"):
        await api.get(LIST, PODS)
    await api.close()


async def test_a_ca_that_kubectl_takes_is_taken_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Python 3.13 and later contexts are strict from the start."""
    usual = ssl.create_default_context

    def strict(*args: Any, **options: Any) -> ssl.SSLContext:
        context = usual(*args, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    from kubernetes.aio.client import Configuration

    monkeypatch.setattr(ssl, "create_default_context", strict)
    api = ApiServer(Configuration(host="https://127.0.0.1:1"))
    await api.open()
    context = api._connection._transport.ssl_context
    await api.close()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_connection_that_was_loud_serves_small_answers_at_once(fake: FakeApi, api: ApiServer) -> None:
    """The kernel gathers what comes in loudly; a small answer after that must not wait for more."""
    fake.logs["w-a", "main"].append(says(200, "x" * 3_000_000))
    log = Call("get", "pods/log", "default", "w-a")
    path = "/api/v1/namespaces/default/pods/w-a/log"
    for _ in range(3):
        async with api.stream(log, path, {"container": "main"}, silence=5) as stream:
            assert sum([len(chunk) async for chunk in stream]) == 3_000_000
        assert (await api.get(LIST, PODS))["items"] == []
