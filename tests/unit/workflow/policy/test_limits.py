from __future__ import annotations

import pytest

from translator.task.parse import parse_task
from translator.workflow.policy.limits import ceilings, limit_faults
from translator.workflow.policy.model import Policy


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


def test_a_step_alone_in_its_pod_has_the_smaller_of_both_bounds():
    policy = Policy(step_resources={"cpu": "2", "memory": "1Gi"}, task_resources={"cpu": "1500m"})
    assert ceilings(policy, one_pod=False) == {"cpu": "1500m", "memory": "1Gi"}
    assert ceilings(policy, one_pod=True) == {"cpu": "2", "memory": "1Gi"}
    assert found(task(CPU), policy)[0] == (
        "taskSpec.steps[0].computeResources.requests.cpu", "policy.taskResources.cpu"
    )  # fmt: skip
