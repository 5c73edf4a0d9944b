from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from translator.service.template import load_template
from translator.settings.policy import PolicyGroup
from translator.task.model import Task
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.policy.judge import judge_task
from translator.workflow.policy.limits import ceilings, limit_faults
from translator.workflow.policy.model import Policy
from translator.workflow.translate import translate


def task(*resources, head="", **args):
    steps = [f"    - {{name: s{n}, image: a, script: b{one}}}" for n, one in enumerate(resources or ("",))]
    text = f"{head}\ntaskSpec:\n  displayName: x\n  steps:\n" + "\n".join(steps)
    parsed = parse_task(text, task_id="t", **args)
    assert parsed.task is not None, parsed.problems
    return parsed.task


def found(given, policy, *, one_pod=False):
    return [
        (fault.path, fault.hint.rpartition(" ")[2]) for fault in limit_faults(given, policy, one_pod=one_pod)
    ]


def spec_of(given: Task, policy: Policy, options: Options | None = None) -> Any:
    options = replace(options or Options(), policy=policy)
    return translate(given, attempt=1, options=options, template=load_template()).workflow["spec"]


def containers(given: Task, policy: Policy) -> list[Any]:
    return [each["script"] for each in spec_of(given, policy)["templates"] if "script" in each]


CPU = ", computeResources: {requests: {cpu: '3'}, limits: {cpu: '4'}}"


def test_steps_are_counted():
    assert found(task("", ""), Policy(max_steps=2)) == []
    assert found(task("", "", ""), Policy(max_steps=2)) == [("taskSpec.steps", "policy.maxSteps")]


@pytest.mark.parametrize(
    ("head", "args", "path"),
    [
        ("timeout: 2m", {}, "timeout"),
        ("timeout: 2m", {"timeout": 180}, "timeout"),
        ("timeout: 3m", {"timeout": 120}, "args.timeout"),
        ("", {}, "timeout"),
        ("timeout: 60s", {"timeout": 600}, None),
    ],
)
def test_the_deadline_that_counts_is_bounded_where_it_is_given(head, args, path):
    given = found(task(head=head, **args), Policy(max_deadline_s=60))
    assert given == ([(path, "policy.maxDeadlineSeconds")] if path else [])


def test_each_amount_is_bounded_at_its_place():
    policy = Policy(step_resources={"cpu": "3500m"})
    assert found(task(CPU, ""), policy) == [
        ("taskSpec.steps[0].computeResources.limits.cpu", "policy.stepResources.cpu")
    ]
    whole = task(CPU, CPU, head="computeResources: {requests: {cpu: '5'}, limits: {cpu: '5'}}")
    assert found(whole, policy) == [
        ("computeResources.requests.cpu", "policy.stepResources.cpu"),
        ("computeResources.limits.cpu", "policy.stepResources.cpu"),
    ]


def test_steps_in_one_pod_count_together():
    policy = Policy(task_resources={"cpu": "6"})
    assert found(task(CPU, CPU), policy) == []
    assert found(task(CPU, CPU), policy, one_pod=True) == [("taskSpec.steps", "policy.taskResources.cpu")]
    assert found(task(CPU, ""), policy, one_pod=True) == [("taskSpec.steps[1]", "policy.taskResources.cpu")]
    both = Policy(task_resources={"cpu": "8"}, step_resources={"cpu": "4"})
    assert found(task(CPU, ""), both, one_pod=True) == []
    assert found(task(CPU, "", ""), both, one_pod=True) == [("taskSpec.steps", "policy.taskResources.cpu")]


ZERO = ", computeResources: {{limits: {{cpu: {0}, memory: {0}, ephemeral-storage: {0}}}}}"
BOUND = {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "5Gi"}


@pytest.mark.parametrize("zero", ["0", "0m", "0Gi", "0.0", "0e3", "'0'"])
@pytest.mark.parametrize("holder", ["step", "task", "both"])
def test_a_limit_of_zero_is_none(zero, holder):
    of_step = ZERO.format(zero) if holder != "task" else ""
    head = ZERO.format(zero).removeprefix(", ") if holder != "step" else ""
    given = task(of_step, head=head)
    # the policy's takes its place, or the task is refused
    [container] = containers(given, Policy(step_resources=BOUND))
    assert container["resources"] == {"limits": BOUND, "requests": dict.fromkeys(BOUND, "0")}
    alone = Policy(task_resources={"cpu": "6"})
    assert found(given, alone, one_pod=True) == [("taskSpec.steps[0]", "policy.taskResources.cpu")]
    [container] = containers(given, Policy())
    assert "resources" not in container


def test_a_task_s_limit_of_zero_leaves_the_step_s():
    given = task(CPU, head="computeResources: {limits: {cpu: 0}}")
    [container] = containers(given, Policy())
    assert container["resources"] == {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}


def test_a_limit_of_zero_is_told_and_contradicts_no_request():
    text = "taskSpec:\n  displayName: x\n  steps:\n    - {name: a, image: a, script: b, computeResources: "
    parsed = parse_task(text + "{requests: {cpu: 1}, limits: {cpu: 0m, nvidia.com/gpu: 0}}}", task_id="t")
    assert [(p.code, p.path) for p in parsed.problems] == [
        ("zero-limit", "taskSpec.steps[0].computeResources.limits.cpu")
    ]
    assert parsed.task is not None
    assert parsed.task.steps[0].compute_resources.limits == {"nvidia.com/gpu": "0"}


@pytest.mark.parametrize(
    ("given", "policy", "size"),
    [
        ("{}", Policy(), "20Gi"),
        ("{sizeLimit: 0}", Policy(), "20Gi"),
        ("{sizeLimit: 0Mi, medium: Memory}", Policy(empty_dir_size="1Gi"), "1Gi"),
        ("{sizeLimit: 5Mi}", Policy(), "5Mi"),
        ("{sizeLimit: 0}", Policy(empty_dir_size=""), None),
        ("{sizeLimit: 50Ti}", Policy(empty_dir_size=""), "50Ti"),
    ],
)
def test_every_empty_dir_has_a_size(given, policy, size):
    text = f"taskSpec: {{displayName: x, volumes: [{{name: v, emptyDir: {given}}}], "
    parsed = parse_task(text + "steps: [{name: a, image: a, script: b}]}", task_id="t")
    assert parsed.task is not None
    [volume] = spec_of(parsed.task, policy)["volumes"]
    assert volume["emptyDir"].get("sizeLimit") == size


@pytest.mark.parametrize(("zero", "size"), [("0", "7Gi"), ("2Gi", "2Gi")])
def test_a_shared_empty_dir_of_size_zero_asks_for_the_configured_size(zero, size):
    mount = "volumeMounts: [{name: v, mountPath: /v}]"
    steps = ", ".join(f"{{name: {name}, image: a, script: b, {mount}}}" for name in "cd")
    text = f"taskSpec: {{displayName: x, volumes: [{{name: v, emptyDir: {{sizeLimit: {zero}}}}}], steps: ["
    parsed = parse_task(f"{text}{steps}]}}", task_id="t")
    assert parsed.task is not None
    shared = Options(layout="dag", storage_class="fast", shared_volume_size="7Gi")
    [claim] = spec_of(parsed.task, Policy(), shared)["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == size


@pytest.mark.parametrize(
    "given",
    [
        {"step_resources": {"cpu": "0"}},
        {"task_resources": {"memory": "0Gi"}},
        {"empty_dir_size": "0"},
        {"claim_size": "0Gi"},
        {"volumes": ["emptydir"]},
        {"volumes": ["*", "!hostpath"]},
    ],
)
def test_a_policy_that_bounds_nothing_is_refused(given):
    with pytest.raises(ValidationError, match=r"no limit|did you mean (emptyDir|hostPath)\?"):
        PolicyGroup(**given)


def test_kinds_of_volumes_are_patterns():
    volumes = "[{name: v, emptyDir: {}}, {name: w, nfs: {server: s, path: /}}]"
    text = f"taskSpec: {{displayName: x, volumes: {volumes}, steps: [{{name: a, image: a, script: b}}]}}"
    given = parse_task(text, task_id="t").task
    assert given is not None
    for patterns, refused in ((["*"], []), (["*Dir"], ["[1].nfs"]), (["*", "!nfs"], ["[1].nfs"])):
        policy = Policy(volumes=tuple(PolicyGroup(volumes=patterns).volumes))
        faults = judge_task(given, policy, together=False, account="default")
        assert [fault.path.removeprefix("taskSpec.volumes") for fault in faults] == refused


@pytest.mark.parametrize(
    "pod",
    [
        "tolerations: [{key: gpu, operator: Exists}, {key: node.kubernetes.io/not-ready}]",
        "nodeSelector: {disk: ssd}",
        (
            "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, "
            "preference: {matchExpressions: "
            "[{key: node-role.kubernetes.io/control-plane, operator: DoesNotExist}]}}]}}"
        ),
    ],
)
def test_other_nodes_may_be_chosen_and_the_control_plane_avoided(pod):
    given = task(head=f"podTemplate: {{{pod}}}")
    assert judge_task(given, Policy(), together=False, account="default") == []


def test_where_all_may_be_tolerated_a_toleration_without_a_key_is_allowed():
    given = task(head="podTemplate: {tolerations: [{operator: Exists}]}")
    assert judge_task(given, Policy(tolerations=("*",)), together=False, account="default") == []
    assert judge_task(given, Policy(tolerations=("gpu",)), together=False, account="default")


def test_a_step_alone_in_its_pod_has_the_smaller_of_both_bounds():
    policy = Policy(step_resources={"cpu": "2", "memory": "1Gi"}, task_resources={"cpu": "1500m"})
    assert ceilings(policy, one_pod=False) == {"cpu": "1500m", "memory": "1Gi"}
    assert ceilings(policy, one_pod=True) == {"cpu": "2", "memory": "1Gi"}
    assert found(task(CPU), policy)[0] == (
        "taskSpec.steps[0].computeResources.requests.cpu", "policy.taskResources.cpu"
    )  # fmt: skip
