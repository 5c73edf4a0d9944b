"""The Roles of `translator rbac` are enough for all that the engine does, and give nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.account import kubeconfig, permissions, service_account
from tests.e2e.attempts import Cluster, task
from tests.e2e.kubectl import KubectlError, apply, kubectl
from translator.engine.argo.engine import ArgoEngine
from translator.errors import PermanentError
from translator.observe import reasons
from translator.observe.observation import Verdict

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
    """A ConfigMap, values between steps, a step that fails, a timeout, and an account without a token."""
    attempt = await cluster.run(
        task(
            {"script": "codo set-context 'greeting={{workflow.name}} $$'; exit 3", "onError": "continue"},
            {"script": "sleep 60", "timeout": "2s", "onError": "continue"},
            {"script": "codo get-context greeting"},
            pod={"automountServiceAccountToken": False},
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


async def test_the_executor_s_account_may_report_and_no_more(account: str, namespace: str) -> None:
    del account
    for name in ("executor", "default"):
        subject = f"--as=system:serviceaccount:{namespace}:{name}"
        printed = await kubectl("auth", "can-i", "--list", subject, "-n", namespace)
        ours = [
            line.split() for line in printed.splitlines() if not line.startswith((" ", "selfsubject", HEAD))
        ]
        assert ours == [["workflowtaskresults.argoproj.io", "[]", "[]", "[create", "patch]"]]
