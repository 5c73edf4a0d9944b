"""The policy as plain data: what the settings' group ``policy`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Level = Literal["privileged", "baseline", "restricted"]
"""Of the Pod Security Standards, https://kubernetes.io/docs/concepts/security/pod-security-standards/."""

VOLUME_KINDS = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "nfs",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
"""The default of `Policy.volumes`: neither hostPath, nor the old kinds whose drivers live on the node, nor an
identity (``serviceAccountToken`` and ``podCertificate``, sources of ``projected``, are kinds here)."""

IDENTITIES = ("serviceAccountToken", "podCertificate")
"""Sources of a projected volume that hand the pod's identity over: `Policy.volumes` takes them for kinds."""

CONTROL_PLANE_LEFT_OUT = ("*", "!node-role.kubernetes.io/control-plane", "!node-role.kubernetes.io/master")
"""Every key but those of the nodes that run the cluster itself (``master`` until Kubernetes 1.24)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a task may ask for.

    Names are allowed by patterns: ``*`` and ``?`` stand for any text and any letter, and a pattern that
    begins with ``!`` takes back what the others allow.

    Attributes:
        level: of the Pod Security Standards.
        namespaces: where tasks may run.
        registries: from where images may come (`translator.workflow.policy.images`).
        service_accounts: what a Workflow's pods may run as.
        service_account_tokens: of these the accounts whose token a task may have.
        own_accounts: the service's and the executor's, which no task may be, whatever the patterns say.
        volumes: the kinds of volumes, by their key in Kubernetes.
        secrets: the Secrets that a task may name.
        config_maps: the ConfigMaps that a task may name.
        priority_classes: the PriorityClasses that a task may name.
        empty_dir_size: the most that an emptyDir may hold, and what one without a size gets; empty: any.
        claim_size: the most that the claim of an ephemeral volume may ask for; empty: any.
        storage_classes: the StorageClasses that such a claim may name.
        volume_names: the PersistentVolumes that such a claim may name.
        claim_annotations: the keys of annotations that such a claim may have.
        tolerations: the keys of the taints that a task may tolerate.
        node_selectors: the keys of the labels by which a task may choose nodes.
        max_steps: of one task.
        max_deadline_s: the longest task deadline in seconds; None: any.
        step_resources: by resource, the most that one step may request, and be limited to.
        task_resources: by resource, the same for the steps that run at one time.
        run_as_user: the UID of tasks that name none, at level ``restricted``; None: the image's own.
    """

    level: Level = "baseline"
    namespaces: tuple[str, ...] = ("*", "!kube-*")
    registries: tuple[str, ...] = ("*",)
    service_accounts: tuple[str, ...] = ("*",)
    service_account_tokens: tuple[str, ...] = ()
    own_accounts: tuple[str, ...] = ("executor", "translator")
    volumes: tuple[str, ...] = VOLUME_KINDS
    secrets: tuple[str, ...] = ("*", "!*.service-account-token")
    config_maps: tuple[str, ...] = ("*",)
    priority_classes: tuple[str, ...] = ("*", "!system-*")
    empty_dir_size: str = "20Gi"
    claim_size: str = "100Gi"
    storage_classes: tuple[str, ...] = ("*",)
    volume_names: tuple[str, ...] = ()
    claim_annotations: tuple[str, ...] = ("*", "!*kubernetes.io/*", "!*k8s.io/*")
    tolerations: tuple[str, ...] = CONTROL_PLANE_LEFT_OUT
    node_selectors: tuple[str, ...] = CONTROL_PLANE_LEFT_OUT
    max_steps: int = 1000
    max_deadline_s: int | None = None
    step_resources: Mapping[str, str] = field(default_factory=dict)
    task_resources: Mapping[str, str] = field(default_factory=dict)
    run_as_user: int | None = None


DEFAULT_POLICY = Policy()
"""What the settings say where they say nothing."""


def allows(patterns: Iterable[str], name: str, matches: Callable[[str, str], bool] = fnmatchcase) -> bool:
    """Whether a pattern allows the name, and none that begins with ``!`` takes it back.

    Args:
        patterns: of the policy.
        name: what is asked for.
        matches: whether a name fits a pattern.
    """
    allowed = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(name, pattern[1:]):
                return False
        else:
            allowed = allowed or matches(name, pattern)
    return allowed
