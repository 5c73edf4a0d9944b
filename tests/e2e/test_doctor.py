"""`translator doctor` on a real cluster: as an administrator, and as an account that may do little."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
import yaml

from tests.e2e.kubectl import apply, delete_namespace, kubectl, make_namespace
from translator.finding import Verdict
from translator.service.doctor.cluster import examine
from translator.settings import Settings
from translator.settings.argo import Argo


async def findings(settings: Settings):
    return [finding async for finding in examine(settings)]


@pytest.mark.asyncio(loop_scope="session")
async def test_an_administrator_lacks_nothing(namespace: str):
    found = await findings(Settings(argo=Argo(namespaces=(namespace,))))
    assert {each.verdict for each in found} == {Verdict.FINE}, found
    assert [each.message for each in found[-2:]] == [
        f"all permissions are there in namespace {namespace}",
        f"Argo's executor (executor) may report in namespace {namespace}",
    ]


@pytest.mark.asyncio(loop_scope="session")
async def test_what_the_executor_lacks_is_told(namespace: str):
    bare = f"{namespace}-lacks"
    await make_namespace(bare)
    settings = Settings(argo=Argo(namespaces=(bare,)))
    try:
        for gone, words in (
            ("rolebinding/executor", "not allowed in namespace {}: create workflowtaskresults, patch work"),
            ("secret/executor.service-account-token", "has no token in namespace {}: no task runs there"),
        ):
            await kubectl("delete", gone, "-n", bare)
            (fault,) = [each for each in await findings(settings) if each.verdict is Verdict.FAULT]
            assert words.format(bare) in fault.message
            assert fault.remedy == f"translator rbac {bare} | kubectl apply -f -"
    finally:
        await delete_namespace(bare)


@pytest.mark.asyncio(loop_scope="session")
async def test_an_account_with_little_is_told_what_it_lacks(namespace: str, tmp_path: Path):
    place = {"name": "little", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    verbs = ["get", "list", "watch", "delete", "patch"]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place}
    role = {
        "apiVersion": f"{rbac}/v1",
        "kind": "Role",
        "metadata": place,
        "rules": [{"apiGroups": [""], "resources": ["pods", "pods/log", "pods/status"], "verbs": verbs}],
    }
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": place,
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "little"},
        "subjects": [{"kind": "ServiceAccount", **place}],
    }
    await apply(account, role, binding)
    token = (await kubectl("create", "token", "little", "-n", namespace)).strip()
    config = yaml.safe_load(await asyncio.to_thread(Path(os.environ["KUBECONFIG"]).read_text))
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    found = await findings(Settings(argo=Argo(kubeconfig=file, namespaces=(namespace,))))
    (fault,) = [each for each in found if each.verdict is Verdict.FAULT]
    (warning,) = [each for each in found if each.verdict is Verdict.WARNING]
    assert "we may not ask" in warning.message
    assert f"--as system:serviceaccount:{namespace}:executor" in warning.remedy
    assert fault.message.startswith(f"not allowed in namespace {namespace}: create workflows, get workflows")
    assert "pods" not in fault.message
    assert "create configmaps" in fault.message
