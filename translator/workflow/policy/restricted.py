"""The controls of the level ``restricted``, beside those of ``baseline``: how a pod should be hardened.

They follow Kubernetes' page (v1.35) control by control:
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from translator.task.look import sub
from translator.task.path import Path
from translator.workflow.policy.baseline import CAPABILITIES
from translator.workflow.policy.breach import Breach, Spec, containers, contexts
from translator.workflow.refusal import POLICY_CODE

VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
"""The kinds that restricted allows."""


def _volume_types(spec: Spec) -> Iterator[Breach]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        for kind in volume:
            if kind not in VOLUMES and kind not in ("name", "hostPath"):
                message = f"the volume {volume.get('name')} is of the kind {kind}"
                yield _breach(("volumes", index, kind), "volume-types", message)


def _escalation(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        if context.get("allowPrivilegeEscalation"):
            message = "a process may not gain more rights than its parent"
            yield _breach((*path, "allowPrivilegeEscalation"), "privilege-escalation", message)


def _root(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        if context.get("runAsNonRoot") is False:
            yield _breach((*path, "runAsNonRoot"), "run-as-non-root", "a container may not run as root")
        if context.get("runAsUser") == 0:
            yield _breach((*path, "runAsUser"), "run-as-user", "the user 0 is root")


def _drops(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        capabilities = sub(context, "capabilities")
        dropped = capabilities.get("drop")
        if dropped and "ALL" not in dropped:
            message = "a container drops ALL capabilities"
            yield _breach((*path, "capabilities", "drop"), "capabilities", message)
        for index, name in enumerate(capabilities.get("add") or ()):
            if name in CAPABILITIES and name != "NET_BIND_SERVICE":
                place = (*path, "capabilities", "add", index)
                yield _breach(place, "capabilities", f"the capability {name} may not be added")


def missing(spec: Spec) -> Iterator[Breach]:
    """What every container must state, itself or by its pod."""
    pod = sub(spec, "securityContext")
    for path, container in containers(spec):
        own = sub(container, "securityContext")
        name = container.get("name")
        if own.get("allowPrivilegeEscalation") is not False:
            message = f"the container {name} does not forbid privilege escalation"
            yield _breach((*path, "securityContext"), "privilege-escalation", message)
        if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            message = f"the container {name} does not say runAsNonRoot"
            yield _breach((*path, "securityContext"), "run-as-non-root", message)
        if not (own.get("seccompProfile") or pod.get("seccompProfile")):
            message = f"the container {name} has no seccomp profile"
            yield _breach((*path, "securityContext"), "seccomp", message)
        if not sub(own, "capabilities").get("drop"):
            message = f"the container {name} drops no capabilities"
            yield _breach((*path, "securityContext"), "capabilities", message)


def _breach(path: Path, code: str, message: str) -> Breach:
    return Breach(path, POLICY_CODE + code, message, "baseline")


CONTROLS: tuple[Callable[[Spec], Iterator[Breach]], ...] = (_volume_types, _escalation, _root, _drops)
