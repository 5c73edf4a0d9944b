"""The Roles of `translator rbac` are enough for all that the engine does, and give nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.account import kubeconfig, service_account
from tests.e2e.attempts import Cluster, task
from tests.e2e.kubectl import (
    KubectlError,
    apply,
    delete_namespace,
    found,
    kubectl,
    make_namespace,
    permissions,
)
from tests.e2e.stage import Play, Scene, Stage
from translator.engine.argo.engine import ArgoEngine
from translator.errors import PermanentError
from translator.observe import reasons
from translator.observe.observation import Verdict
from translator.workflow.options import Options
from translator.workflow.policy.model import Policy

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOLDEN = Path(__file__).with_name("can-i.txt")

HEAD = "Resources "


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def account(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A kubeconfig with the token of the service's account, which is allowed one namespace only."""
    await apply(service_account(namespace), *permissions(namespace, namespace))
    file = tmp_path_factory.mktemp("account") / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(await kubeconfig(namespace))
    return str(file)


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(account: str, namespace: str) -> AsyncIterator[Cluster]:
    """The engine with that account."""
    engine = ArgoEngine.from_kubeconfig(account, namespaces=[namespace], kill_grace_s=2)
    await engine.start()
    made = Cluster(engine)
    yield made
    await engine.close()


async def test_the_account_may_do_what_the_golden_file_says(account: str, namespace: str) -> None:
    printed = await kubectl("--kubeconfig", account, "auth", "can-i", "--list", "-n", namespace)
    # what every account may: ask about itself, and read what the server publishes
    ours = [line.split() for line in printed.splitlines() if not line.startswith((" ", "selfsubject", HEAD))]
    assert [" ".join(words) for words in sorted(ours)] == GOLDEN.read_text().splitlines()


async def test_outside_of_its_namespaces_it_may_nothing(account: str) -> None:
    printed = await kubectl("--kubeconfig", account, "auth", "can-i", "--list", "-n", "kube-system")
    assert [line for line in printed.splitlines() if not line.startswith((" ", "selfsubject", HEAD))] == []


@pytest.mark.parametrize(
    "asked",
    [
        "get secrets",
        "get secret executor.service-account-token",
        "get pods -A",
        "get pods -n kube-system",
        "get workflows.argoproj.io -A",
        "get configmaps -n argo",
        "get nodes",
        "get namespaces",
        "get serviceaccounts",
        "create token executor",
        "create deployment x --image=x",
        "run x --image=x",
        "delete workflows.argoproj.io --all",
        "create role x --verb=get --resource=secrets",
        "get pods --as=system:admin",
    ],
)
async def test_it_is_refused(account: str, namespace: str, asked: str) -> None:
    words = asked.split()
    where = [] if {"-n", "-A"} & set(words) else ["-n", namespace]
    with pytest.raises(KubectlError, match=r"[Ff]orbidden"):
        await kubectl("--kubeconfig", account, *words, *where)


async def test_it_runs_a_task_with_all_that_one_may_need(cluster: Cluster, namespace: str) -> None:
    """A ConfigMap, values between steps, a step that fails, and a timeout."""
    attempt = await cluster.run(
        task(
            {"script": "codo set-context 'greeting={{workflow.name}} $$'; exit 3", "onError": "continue"},
            {"script": "sleep 60", "timeout": "2s", "onError": "continue"},
            {"script": "codo get-context greeting"},
        ),
        namespace=namespace,
    )
    assert attempt.final["phase"] == "Succeeded"
    assert [step[1::2] for step in attempt.steps] == [
        ("Failed", reasons.STEP_FAILED),
        ("Failed", reasons.DEADLINE_EXCEEDED),
        ("Succeeded", ""),
    ]
    assert attempt.lines == {"s3": ["{{workflow.name}} $$"]}
    assert attempt.gaps == []
    assert await cluster.engine.submit(attempt.rendered) == attempt.ref
    await cluster.engine.release(attempt.ref)
    name = f"workflow.argoproj.io/{attempt.ref.name}"
    finalizers = await kubectl("get", name, "-n", namespace, "-o", "jsonpath={.metadata.finalizers}")
    assert "codo.dev/logs" not in finalizers


async def test_it_ends_what_will_not_end(cluster: Cluster, namespace: str) -> None:
    """Argo's termination, and after the grace the deletion of the pod."""
    script = "trap '' TERM; echo begun; while :; do sleep 1; done"
    attempt = await cluster.submit(task({"script": script}), namespace=namespace)
    await attempt.follow(until=lambda one: bool(one.lines))
    attempt.observe(Verdict("Cancelled", reasons.REVOKED, "the task was revoked"))
    await cluster.engine.terminate(attempt.ref)
    await attempt.follow()
    assert attempt.final["phase"] == "Cancelled"
    await cluster.engine.release(attempt.ref)


async def test_a_task_for_another_namespace_is_refused(cluster: Cluster) -> None:
    with pytest.raises(PermanentError) as refused:
        await cluster.submit(task({"script": "echo never"}), namespace="argo")
    assert refused.value.reason == reasons.NAMESPACE_NOT_WATCHED


async def rights_of(account: str, namespace: str) -> list[list[str]]:
    """What an account may, beside what every account may."""
    subject = f"--as=system:serviceaccount:{namespace}:{account}"
    printed = await kubectl("auth", "can-i", "--list", subject, "-n", namespace)
    return [line.split() for line in printed.splitlines() if not line.startswith((" ", "selfsubject", HEAD))]


REPORT = ["workflowtaskresults.argoproj.io", "[]", "[]", "[create", "patch]"]


async def test_the_executor_s_account_may_report_and_no_more(account: str, namespace: str) -> None:
    del account
    assert await rights_of("executor", namespace) == [REPORT]
    assert await rights_of("default", namespace) == []


TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
WHO = f"""if [ ! -e {TOKEN} ]; then echo none
else cut -d. -f2 {TOKEN} | tr _- /+ | base64 -d 2>/dev/null | grep -o 'system:[^"]*'
fi; grep -c kubernetes.io/serviceaccount /proc/mounts || true"""


@pytest.mark.parametrize("layout", ["dag", "pod"])
async def test_a_step_has_no_token_and_one_with_an_allowed_account_has_that_one_s(
    cluster: Cluster, namespace: str, layout: Any
) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    await apply({**account, "metadata": {"name": "runner", "namespace": namespace}})
    options = Options(layout=layout, policy=Policy(service_account_tokens=("runner",)))
    for pod, printed in (
        ({}, ["none", "0"]),
        ({"serviceAccountName": "runner"}, [f"system:serviceaccount:{namespace}:runner", "1"]),
        ({"serviceAccountName": "runner", "automountServiceAccountToken": False}, ["none", "0"]),
    ):
        steps = ({"script": WHO}, {"script": WHO})
        attempt = await cluster.run(task(*steps, pod=pod), namespace=namespace, options=options)
        assert attempt.final["phase"] == "Succeeded", attempt.final
        assert attempt.lines == {"s1": printed, "s2": printed}
        await cluster.engine.release(attempt.ref)


async def test_a_task_waits_for_the_executor_s_token_and_goes_on(stage: Stage, namespace: str) -> None:
    bare = f"{namespace}-bare"
    await kubectl("create", "namespace", bare)

    async def make(play: Play) -> None:
        told = await play.event(kind="status", reason=reasons.EXECUTOR_TOKEN_MISSING)
        assert told["phase"] == "Pending"
        assert f"translator rbac {bare} | kubectl apply -f -" in told["message"]
        assert await found("pods", bare) == []
        await apply(*permissions(bare))

    try:
        told = await stage.play("token", Scene(task({"script": "echo hi"}), make, {"namespace": bare}))
    finally:
        await delete_namespace(bare)
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"s1": ["hi"]}


@pytest.mark.parametrize("layout", ["dag", "pod"])
async def test_a_step_whose_executor_may_not_report_names_the_remedy(namespace: str, layout: Any) -> None:
    unbound = f"{namespace}-unbound-{layout}"
    await make_namespace(unbound)
    await kubectl("delete", "rolebinding/executor", "-n", unbound)
    engine = ArgoEngine.from_kubeconfig(namespaces=[unbound], kill_grace_s=2)
    await engine.start()
    cluster = Cluster(engine)
    try:
        options = Options(layout=layout)
        attempt = await cluster.run(task({"script": "echo hi"}), namespace=unbound, options=options)
        assert attempt.final["phase"] in ("Failed", "Error")
        assert attempt.final["reason"] == reasons.EXECUTOR_FORBIDDEN, attempt.final
        assert "workflowtaskresults.argoproj.io is forbidden" in attempt.final["message"]
        assert "translator rbac NAMESPACE" in attempt.final["remedy"]
    finally:
        await cluster.release()
        await engine.close()
        await delete_namespace(unbound)


async def test_run_needs_nothing_but_the_role(account: str, namespace: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translator", "run", "-", "--engine", "argo", "--namespace", namespace),
        env={**os.environ, "KUBECONFIG": account},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(task({"script": "echo hi"}).encode())
    assert (process.returncode, out.decode()) == (0, "s1 | hi\n"), err.decode()


async def test_the_way_from_0_1(namespace: str) -> None:
    """Workflows of 0.1 report as their pods' own account, and may until they have ended."""
    moved = f"{namespace}-moved"
    await make_namespace(moved)
    engine = ArgoEngine.from_kubeconfig(namespaces=[moved], kill_grace_s=2)
    await engine.start()
    cluster = Cluster(engine)
    try:
        await apply(*permissions(moved, upgrade=True))
        old = await cluster.submit(task({"script": "sleep 5; echo old"}), namespace=moved, change=as_of_0_1)
        new = await cluster.submit(task({"script": "echo new"}), namespace=moved)
        for attempt, line in ((old, "old"), (new, "new")):
            await attempt.follow()
            assert (attempt.final["phase"], attempt.lines) == ("Succeeded", {"s1": [line]})
        assert await rights_of("default", moved) == [REPORT]
        await apply(*permissions(moved))
        assert await rights_of("default", moved) == []
        new = await cluster.run(task({"script": "echo new"}), namespace=moved)
        assert new.final["phase"] == "Succeeded"
    finally:
        await cluster.release()
        await engine.close()
        await delete_namespace(moved)


def as_of_0_1(workflow: dict[str, Any]) -> None:
    del workflow["spec"]["automountServiceAccountToken"], workflow["spec"]["executor"]
