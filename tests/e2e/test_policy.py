"""The policy and the cluster's own Pod Security admission agree; a restricted namespace runs our tasks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.attempts import Cluster
from tests.e2e.attempts import task as named
from tests.e2e.kubectl import KubectlError, delete_namespace, found, kubectl, make_namespace
from tests.unit.workflow.policy.test_escapes import ATTEMPTS, MARK, document
from translator.engine.argo.engine import ArgoEngine
from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.policy.controls import breaches
from translator.workflow.policy.model import Policy
from translator.workflow.policy.pods import pod_of_task, pods_of_workflow
from translator.workflow.translate import translate

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEVELS = ("baseline", "restricted")
PROBE = "id -u; grep Seccomp: /proc/self/status | tr -d '\\t'; codo set-context a=$codo_token"
RESTRICTED = Policy(level="restricted", run_as_user=1000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def enforced(namespace: str) -> AsyncIterator[dict[str, str]]:
    """By level, a namespace that enforces it."""
    names = {level: f"{namespace}-{level}" for level in LEVELS}
    try:
        for level, name in names.items():
            await make_namespace(name, {"pod-security.kubernetes.io/enforce": level})
        yield names
    finally:
        for name in names.values():
            await delete_namespace(name)


async def admitted(pod: dict[str, Any], namespace: str) -> bool:
    """Whether Pod Security admission lets a pod in; nothing is made.

    Raises:
        KubectlError: the API server refuses the pod for something else.
    """
    spec = {key: value for key, value in pod.items() if value not in (None, [], {})}
    for kind in ("initContainers", "containers"):
        spec[kind] = [{"image": "x", **each} for each in spec.get(kind, ())]
        for each in spec[kind]:
            each.pop("dependencies", None)
            each.pop("source", None)
    whole = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": spec,
    }
    try:
        await kubectl("create", "--dry-run=server", "--validate=false", "-f", "-", stdin=json.dumps(whole))
    except KubectlError as error:
        if "violates PodSecurity" in str(error):
            return False
        raise
    return True


CONTROLS = {
    f"policy-{name}"
    for name in (
        "apparmor", "capabilities", "host-namespaces", "host-path", "privilege-escalation", "privileged",
        "run-as-non-root", "run-as-user", "seccomp", "selinux", "sysctls", "volume-types",
    )
}  # fmt: skip
"""Not procMount: the API server refuses it anywhere without hostUsers: false, which a task cannot say."""

FORBIDDEN = [
    pytest.param(parts, policy or Policy(), id=name)
    for name, code, parts, policy in ATTEMPTS
    if code in CONTROLS
]


@pytest.mark.parametrize(("parts", "policy"), FORBIDDEN)
async def test_what_a_control_forbids_the_cluster_forbids(enforced, parts, policy) -> None:
    parsed = parse_task(document(**parts).replace(MARK, "", 1), task_id="t")
    assert parsed.task is not None
    pod = pod_of_task(parsed.task)
    assert list(breaches(pod, policy.level, whole=False))
    assert not await admitted(pod, enforced[policy.level])


PROFILE = {"type": "Localhost", "localhostProfile": "p.json"}
SELINUX = {"type": "container_engine_t", "level": "s0:c1"}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
FINE: list[dict[str, Any]] = [
    {},
    {"securityContext": {"runAsUser": 1001, "fsGroup": 5, "seccompProfile": PROFILE}},
    {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_wmem", "value": "1 2 3"}]}},
    {"securityContext": {"seLinuxOptions": SELINUX}},
    {"volumes": [
        {"name": "a", "configMap": {"name": "a"}}, {"name": "b", "secret": {"secretName": "b"}},
        {"name": "c", "downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "d", "projected": {"sources": [{"configMap": {"name": "a"}}]}},
        {"name": "e", "persistentVolumeClaim": {"claimName": "e"}}, {"name": "f", "emptyDir": {}},
        {"name": "g", "csi": {"driver": "d.example"}},
        {"name": "h", "ephemeral": {"volumeClaimTemplate": {"spec": CLAIM}}},
    ]},
]  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("layout", ["dag", "pod"])
@pytest.mark.parametrize("pod_template", FINE)
async def test_what_the_policy_lets_through_the_cluster_lets_in(
    enforced, level, layout, pod_template
) -> None:
    step = {"image": "x", "script": "codo set-context a=b"}
    if level == "baseline":
        step |= {"securityContext": {"capabilities": {"add": ["CHOWN", "SYS_CHROOT"]}, "runAsUser": 0}}
    steps = [{"name": name, **step} for name in ("one", "two")]
    text = json.dumps({"taskSpec": {"displayName": "x", "steps": steps}, "podTemplate": pod_template})
    task = parse_task(text, task_id="t").task
    assert task is not None
    options = Options(policy=Policy(level=level), layout=layout)
    workflow = translate(task, attempt=1, options=options, template=load_template()).workflow
    pods = [pod for _, pod in pods_of_workflow(workflow)]
    assert pods
    for pod in pods:
        # what a claim or Argo itself provides
        names = {volume["name"] for volume in pod["volumes"]}
        mounted = {mount["name"] for each in pod["containers"] for mount in each.get("volumeMounts") or ()}
        pod["volumes"] += [{"name": name, "emptyDir": {}} for name in sorted(mounted - names)]
        assert await admitted(pod, enforced[level])


@pytest.mark.parametrize("layout", ["dag", "pod"])
async def test_a_restricted_namespace_runs_a_task(enforced, layout) -> None:
    engine = ArgoEngine.from_kubeconfig(namespaces=[enforced["restricted"]], kill_grace_s=5)
    await engine.start()
    cluster = Cluster(engine)
    try:
        attempt = await cluster.run(
            named(
                {"script": PROBE},
                {"script": "codo get-context a"},
            ),
            namespace=enforced["restricted"],
            params={"token": "hush-hush"},
            options=Options(policy=RESTRICTED, layout=layout),
        )
        assert attempt.final["phase"] == "Succeeded", attempt.final
        assert attempt.lines == {"s1": ["1000", "Seccomp:2"], "s2": ["hush-hush"]}
        name = f"{attempt.ref.name}-secrets"
        printed = await kubectl("get", "secret", name, "-n", attempt.ref.namespace, "-o", "json")
        secret = json.loads(printed)
        # through the ConfigMap, which is made first and may be read: see translator.engine.argo.submit
        files = f"{attempt.ref.name}-files"
        printed = await kubectl("get", "configmap", files, "-n", attempt.ref.namespace, "-o", "json")
        for owned, kind, uid in (
            (secret, "ConfigMap", json.loads(printed)["metadata"]["uid"]),
            (json.loads(printed), "Workflow", attempt.ref.uid),
        ):
            [owner] = owned["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"]) == (kind, uid)
        assert "hush" not in await kubectl(
            "get", "workflows.argoproj.io", "-n", attempt.ref.namespace, "-o", "json"
        )
        assert await engine.submit(attempt.rendered) == attempt.ref
        await engine.release(attempt.ref)
        where = ("-n", attempt.ref.namespace)
        await kubectl("delete", f"workflow.argoproj.io/{attempt.ref.name}", *where)
        # Kubernetes' garbage collector takes both away
        await kubectl("wait", "--for=delete", f"configmap/{files}", f"secret/{name}", *where, "--timeout=60s")
    finally:
        await cluster.release()
        await engine.close()


async def test_a_limit_of_zero_is_the_policy_s(enforced) -> None:
    """Kubernetes would run a pod whose limits are zero as BestEffort, without any."""
    where = enforced["baseline"]
    engine = ArgoEngine.from_kubeconfig(namespaces=[where], kill_grace_s=5)
    await engine.start()
    cluster = Cluster(engine)
    try:
        none = {"computeResources": {"limits": {"cpu": 0, "memory": "0Gi"}}}
        options = Options(policy=Policy(step_resources={"cpu": "1", "memory": "64Mi"}))
        attempt = await cluster.run(named({"script": "true", **none}), namespace=where, options=options)
        assert attempt.final["phase"] == "Succeeded", attempt.final
        [pod] = await found("pods", where, f"workflows.argoproj.io/workflow={attempt.ref.name}")
        [main] = [each for each in pod["spec"]["containers"] if each["name"] == "main"]
        assert (pod["status"]["qosClass"], main["resources"]["limits"]) == (
            "Burstable",
            {"cpu": "1", "memory": "64Mi"},
        )
    finally:
        await cluster.release()
        await engine.close()
