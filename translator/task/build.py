"""From checked data to a Task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.task.duration import parse_duration
from translator.task.model import DEFAULT_STEP_TIMEOUT_NS, Manifest, PodTemplate, Resources, Step, Task
from translator.task.quantity import limits_nothing


def build_task(
    data: Mapping[str, Any],
    *,
    task_id: str,
    agent_id: str,
    namespace: str,
    timeout: int | None,
    params: tuple[tuple[str, str], ...],
) -> Task:
    """The task of a document that has no errors, nulls and unknown keys taken out."""
    spec = data["taskSpec"]
    return Task(
        task_id=task_id,
        agent_id=agent_id,
        namespace=namespace,
        display_name=spec["displayName"],
        description=spec.get("description", ""),
        steps=tuple(_step(step) for step in spec["steps"]),
        params=params,
        args_timeout_s=timeout,
        timeout_ns=parse_duration(data["timeout"]) if data.get("timeout") else None,
        compute_resources=_resources(data),
        pod=_pod(data.get("podTemplate", {}), data.get("serviceAccountName")),
        volumes=_manifests(spec, "volumes"),
    )


def _step(data: Mapping[str, Any]) -> Step:
    return Step(
        name=data["name"],
        image=data["image"],
        script=data.get("script") or None,
        command=tuple(data.get("command", ())),
        args=tuple(data.get("args", ())),
        env=_manifests(data, "env"),
        timeout_ns=parse_duration(data["timeout"]) if data.get("timeout") else DEFAULT_STEP_TIMEOUT_NS,
        timeout_given=bool(data.get("timeout")),
        on_error_continue=data.get("onError") == "continue",
        image_pull_policy=data.get("imagePullPolicy") or None,
        compute_resources=_resources(data),
        working_dir=data.get("workingDir") or None,
        security_context=data.get("securityContext", {}),
        volume_mounts=_manifests(data, "volumeMounts"),
    )


def _pod(data: Mapping[str, Any], account: str | None) -> PodTemplate:
    return PodTemplate(
        node_selector=data.get("nodeSelector", {}),
        env=_manifests(data, "env"),
        tolerations=_manifests(data, "tolerations"),
        affinity=data.get("affinity", {}),
        security_context=data.get("securityContext", {}),
        volumes=_manifests(data, "volumes"),
        runtime_class_name=data.get("runtimeClassName") or None,
        automount_service_account_token=data.get("automountServiceAccountToken"),
        service_account_name=data.get("serviceAccountName") or account or None,
        dns_policy=data.get("dnsPolicy") or None,
        dns_config={key: value for key, value in data.get("dnsConfig", {}).items() if value},
        enable_service_links=data.get("enableServiceLinks"),
        priority_class_name=data.get("priorityClassName") or None,
        scheduler_name=data.get("schedulerName") or None,
        image_pull_secrets=_manifests(data, "imagePullSecrets"),
        host_aliases=_manifests(data, "hostAliases"),
        host_network=data.get("hostNetwork"),
        topology_spread_constraints=_manifests(data, "topologySpreadConstraints"),
    )


def _resources(data: Mapping[str, Any]) -> Resources:
    """The amounts that are set: a limit of zero is none, so that a policy's ceiling takes its place."""
    given = data.get("computeResources", {})
    requests, limits = (
        {name: str(amount) for name, amount in given.get(kind, {}).items()} for kind in ("requests", "limits")
    )
    limits = {name: amount for name, amount in limits.items() if not limits_nothing(name, amount)}
    return Resources(requests=requests, limits=limits)


def _manifests(data: Mapping[str, Any], key: str) -> tuple[Manifest, ...]:
    return tuple(data.get(key, ()))
