"""Judges a task before it is translated, and the Workflow after: no rule between them may undo the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from translator.task.model import Task
from translator.task.path import format_path
from translator.workflow.policy.breach import Breach
from translator.workflow.policy.controls import breaches
from translator.workflow.policy.images import image_allowed
from translator.workflow.policy.limits import limit_faults
from translator.workflow.policy.model import IDENTITIES, Policy, allows
from translator.workflow.policy.nodes import node_faults
from translator.workflow.policy.pods import place_in_task, pod_of_task, pods_of_workflow
from translator.workflow.policy.sizes import volume_faults
from translator.workflow.references import config_maps, secrets
from translator.workflow.refusal import POLICY_CODE, Fault, not_allowed
from translator.workflow.shared import declared


def judge_task(task: Task, policy: Policy, *, together: bool, account: str) -> list[Fault]:
    """What of a task the policy forbids; empty: nothing.

    Args:
        task: the task.
        policy: what is allowed.
        together: whether its steps share one pod.
        account: what its pods run as.
    """
    found = [
        Fault(place_in_task(task, breach.path), breach.message, _hint(breach), breach.code)
        for breach in breaches(pod_of_task(task), policy.level, whole=False)
    ]
    rules: tuple[Callable[[Task, Policy], Iterator[Fault]], ...] = (
        _namespace,
        _images,
        _volume_kinds,
        _names,
        node_faults,
        volume_faults,
    )
    for rule in rules:
        found += rule(task, policy)
    found += _account(task, policy, account)
    return [*found, *limit_faults(task, policy, one_pod=together)]


def judge_workflow(
    workflow: Mapping[str, Any], policy: Policy, template: Mapping[str, Any], steps: Iterable[str]
) -> list[Fault]:
    """What of a Workflow the policy forbids and the operator's template does not bring along.

    Args:
        workflow: the manifest.
        policy: what is allowed.
        template: what every Workflow starts from: the operator's own, so none of the task's doing.
        steps: the names of the task's steps, for the places.
    """
    places = {name: f"taskSpec.steps[{index}]" for index, name in enumerate(steps)}
    given = {entry.get("name") for entry in template.get("spec", {}).get("templates") or ()}
    own = {
        (breach.code, breach.message)
        for breach in breaches(template.get("spec") or {}, policy.level, whole=False)
    }
    found: dict[Fault, None] = {}
    spec = template.get("spec") or {}
    mounts_anyway = any(
        holder.get("automountServiceAccountToken") for holder in (spec, spec.get("templateDefaults") or {})
    )
    for name, pod in pods_of_workflow(workflow):
        account = str(pod.get("serviceAccountName") or "default")
        mounts = pod.get("automountServiceAccountToken") is not False and not mounts_anyway
        if mounts and name not in given and not _may_have_token(policy, account):
            fault = _no_token(places.get(name, "taskSpec"), policy, account)
            found[fault] = None
        for breach in breaches(pod, policy.level, whole=True) if name not in given else ():
            if (breach.code, breach.message) not in own:
                message = f"in the Workflow's pod, {breach.message} ({format_path(breach.path)})"
                found[Fault(places.get(name, "taskSpec"), message, _hint(breach), breach.code)] = None
    return list(found)


def _hint(breach: Breach) -> str:
    return f"policy.level: {breach.level} would allow it"


def _namespace(task: Task, policy: Policy) -> Iterator[Fault]:
    if not allows(policy.namespaces, task.namespace):
        message = f"tasks may not run in the namespace {task.namespace}"
        yield not_allowed("args.namespace", message, "namespaces", "namespace")


def _images(task: Task, policy: Policy) -> Iterator[Fault]:
    images = [(f"taskSpec.steps[{index}].image", step.image) for index, step in enumerate(task.steps)]
    for path, volume in declared(task):
        if volume.get("image"):
            images.append((f"{path}.image.reference", str(volume["image"].get("reference", ""))))
    for path, image in images:
        if not image_allowed(policy.registries, image):
            message = f"images may not come from where {image} does"
            yield not_allowed(path, message, "registries", "registry")


def _volume_kinds(task: Task, policy: Policy) -> Iterator[Fault]:
    for path, volume in declared(task):
        kinds = [(f"{path}.{kind}", kind) for kind in volume if kind != "name"]
        for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            kinds += [
                (f"{path}.projected.sources[{index}].{kind}", kind) for kind in IDENTITIES if kind in source
            ]
        for place, kind in kinds:
            if not allows(policy.volumes, kind):
                message = f"volumes of the kind {kind} are not allowed"
                yield Fault(place, message, f"add {kind} to policy.volumes", POLICY_CODE + "volume-kind")


def _account(task: Task, policy: Policy, account: str) -> Iterator[Fault]:
    """What the task's pods run as, and whether the steps may have its token.

    Naming an account asks for its token, mounted or not: clouds hand out an account's rights without it.
    """
    named = "podTemplate.serviceAccountName" if task.pod.service_account_name else ""
    if not allows(policy.service_accounts, account):
        message = f"the task's pods would run as the service account {account}"
        hint = "policy.serviceAccounts says which may; workflow.serviceAccount which one is used"
        yield Fault(named or "taskSpec", message, hint, POLICY_CODE + "service-account")
    asked = [named] if named else []
    if task.pod.automount_service_account_token and not named:
        asked.append("podTemplate.automountServiceAccountToken")
    for path, volume in declared(task):
        for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if "serviceAccountToken" in source and not named:
                asked.append(f"{path}.projected.sources[{index}].serviceAccountToken")
    if not _may_have_token(policy, account):
        for path in asked:
            yield _no_token(path, policy, account)


def _may_have_token(policy: Policy, account: str) -> bool:
    return account not in policy.own_accounts and allows(policy.service_account_tokens, account)


def _no_token(path: str, policy: Policy, account: str) -> Fault:
    message = f"a task may not have the token of the service account {account}"
    hint = "policy.serviceAccountTokens says which are allowed"
    if account in policy.own_accounts:
        hint = "it is the account of the translator or of Argo's executor: no policy allows it"
    return Fault(path, message, hint, POLICY_CODE + "service-account-token")


def _names(task: Task, policy: Policy) -> Iterator[Fault]:
    """The objects that the task names."""
    for path, name in secrets(task):
        if not allows(policy.secrets, name):
            message = f"a task may not name the Secret {name}"
            yield not_allowed(path, message, "secrets", "secret")
    for path, name in config_maps(task):
        if not allows(policy.config_maps, name):
            message = f"a task may not name the ConfigMap {name}"
            yield not_allowed(path, message, "configMaps", "config-map")
    chosen = task.pod.priority_class_name
    if chosen and not allows(policy.priority_classes, chosen):
        message = f"a task may not have the priority class {chosen}"
        yield not_allowed("podTemplate.priorityClassName", message, "priorityClasses", "priority-class")
