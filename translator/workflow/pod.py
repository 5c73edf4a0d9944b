"""``podTemplate``: each field on the Workflow, or in ``podSpecPatch`` where the Workflow has none."""

from __future__ import annotations

from typing import Any

from hera.workflows import models as m

from translator.task.model import PodTemplate
from translator.workflow.literals import refuse_templated
from translator.workflow.options import Options
from translator.workflow.refusal import Faults
from translator.workflow.structure import plain, structure, structures
from translator.workflow.template import write_patch


def pod_fields(pod: PodTemplate, options: Options, faults: Faults) -> dict[str, Any]:
    """The arguments of ``WorkflowSpec`` that podTemplate's fields become, but for env and volumes."""
    at = "podTemplate."
    refuse_templated(pod.node_selector, at + "nodeSelector", faults)
    fields: dict[str, Any] = {
        "node_selector": dict(pod.node_selector) or None,
        "tolerations": structures(m.Toleration, pod.tolerations, at + "tolerations", faults),
        "affinity": structure(m.Affinity, pod.affinity, at + "affinity", faults),
        "security_context": structure(
            m.PodSecurityContext, pod.security_context, at + "securityContext", faults
        ),
        "dns_policy": plain(pod.dns_policy, at + "dnsPolicy", faults),
        "dns_config": structure(m.PodDNSConfig, pod.dns_config, at + "dnsConfig", faults),
        "pod_priority_class_name": plain(pod.priority_class_name, at + "priorityClassName", faults),
        "scheduler_name": plain(pod.scheduler_name, at + "schedulerName", faults),
        "image_pull_secrets": structures(
            m.LocalObjectReference, pod.image_pull_secrets, at + "imagePullSecrets", faults
        ),
        "host_aliases": structures(m.HostAlias, pod.host_aliases, at + "hostAliases", faults),
        "host_network": pod.host_network,
        "service_account_name": pod.service_account_name or options.service_account or None,
        "automount_service_account_token": _mounts_token(pod),
        # Only Argo's own containers report: with that token a step could write other steps' results.
        "executor": m.ExecutorConfig(service_account_name=options.executor_service_account),
        "pod_spec_patch": _patch(pod, faults),
    }
    return fields


def _mounts_token(pod: PodTemplate) -> bool | None:
    """Whether the steps get the account's token; None: as every Workflow (`translator.workflow.template`)."""
    if pod.automount_service_account_token is None and pod.service_account_name:
        return True
    return pod.automount_service_account_token


def _patch(pod: PodTemplate, faults: Faults) -> str | None:
    patch: dict[str, Any] = {}
    if pod.runtime_class_name:
        patch["runtimeClassName"] = plain(pod.runtime_class_name, "podTemplate.runtimeClassName", faults)
    if pod.enable_service_links is not None:
        patch["enableServiceLinks"] = pod.enable_service_links
    if pod.topology_spread_constraints:
        spread = list(pod.topology_spread_constraints)
        refuse_templated(spread, "podTemplate.topologySpreadConstraints", faults)
        patch["topologySpreadConstraints"] = spread
    if not patch:
        return None
    return write_patch(patch)
