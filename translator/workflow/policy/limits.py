"""How much a task may ask for: steps, time, resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from translator.task.duration import format_duration
from translator.task.model import Task
from translator.task.path import format_path
from translator.task.quantity import NODE_RESOURCES, parse_quantity
from translator.workflow.policy.model import Policy
from translator.workflow.refusal import POLICY_CODE, Fault


def limit_faults(task: Task, policy: Policy, *, one_pod: bool) -> Iterator[Fault]:
    """What of a task goes beyond the policy's limits."""
    if len(task.steps) > policy.max_steps:
        message = f"{len(task.steps)} steps are too many: at most {policy.max_steps}"
        yield _fault("taskSpec.steps", message, "maxSteps", "steps")
    if policy.max_deadline_s is not None and task.deadline_ns > policy.max_deadline_s * 1_000_000_000:
        message = f"the task's deadline of {format_duration(task.deadline_ns)} is too long: at most "
        message += f"{policy.max_deadline_s}s"
        yield _fault(_deadline_path(task), message, "maxDeadlineSeconds", "deadline")
    yield from _steps(task, policy, one_pod=one_pod)
    if one_pod:
        yield from _sums(task, policy)


def ceilings(policy: Policy, *, one_pod: bool) -> Mapping[str, str]:
    """The most that one step may have of each resource; steps with pods of their own run one at a time."""
    if one_pod:
        return policy.step_resources
    found = dict(policy.step_resources)
    for name, amount in policy.task_resources.items():
        if name not in found or parse_quantity(amount) < parse_quantity(found[name]):
            found[name] = amount
    return found


def _deadline_path(task: Task) -> str:
    given = task.timeout_ns is not None and task.timeout_ns == task.deadline_ns
    return "timeout" if given or task.args_timeout_s is None else "args.timeout"


def _steps(task: Task, policy: Policy, *, one_pod: bool) -> Iterator[Fault]:
    seen = set()
    most = ceilings(policy, one_pod=one_pod)
    for index in range(len(task.steps)):
        for kind in ("requests", "limits"):
            for name, (path, amount) in _asked(task, index, kind).items():
                if name in most and path not in seen and parse_quantity(amount) > parse_quantity(most[name]):
                    seen.add(path)
                    key = (
                        "stepResources" if policy.step_resources.get(name) == most[name] else "taskResources"
                    )
                    message = f"{amount} of {name} is too much: at most {most[name]}"
                    yield _fault(path, message, f"{key}.{name}", "resources")


def _sums(task: Task, policy: Policy) -> Iterator[Fault]:
    """What the steps of one pod ask for together."""
    for name, most in policy.task_resources.items():
        for kind in ("requests", "limits"):
            sum_ = Fraction(0)
            for index in range(len(task.steps)):
                _, amount = _asked(task, index, kind).get(name, ("", None))
                if amount is None and kind == "limits" and name in NODE_RESOURCES:
                    amount = policy.step_resources.get(name)
                    if amount is None:
                        message = f"the step states no limit of {name}, and the steps share one pod"
                        path = f"taskSpec.steps[{index}]"
                        yield _fault(path, message, f"taskResources.{name}", "resources")
                sum_ += parse_quantity(amount or "0")
            if sum_ > parse_quantity(most):
                message = f"the {kind} of {name} of all steps, which share one pod, exceed {most}"
                yield _fault("taskSpec.steps", message, f"taskResources.{name}", "resources")


def _asked(task: Task, index: int, kind: str) -> dict[str, tuple[str, str]]:
    """By resource, the path of what a step asks for and the amount; the task's override the step's."""
    step = getattr(task.steps[index].compute_resources, kind)
    whole = getattr(task.compute_resources, kind)
    at = ("taskSpec", "steps", index, "computeResources", kind)
    return {name: (format_path((*at, name)), amount) for name, amount in step.items()} | {
        name: (format_path(("computeResources", kind, name)), amount) for name, amount in whole.items()
    }


def _fault(path: str, message: str, key: str, code: str) -> Fault:
    return Fault(path, message, f"the policy's limit is policy.{key}", POLICY_CODE + code)
