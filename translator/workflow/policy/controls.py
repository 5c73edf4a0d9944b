"""The controls of the Pod Security Standards, one function each, on a PodSpec as plain data.

They follow Kubernetes' page (v1.35) control by control:
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from translator.task.look import sub
from translator.task.path import Path
from translator.workflow.policy.model import Level
from translator.workflow.refusal import POLICY_CODE

CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
"""Those that baseline lets a container add."""

SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    )
)
"""Those that baseline takes for safe."""

SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")

RESTRICTED_VOLUMES = frozenset(
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

_LISTS = ("initContainers", "containers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Breach:
    """What a level forbids.

    Attributes:
        path: in the PodSpec.
        code: names the control.
        message: one sentence without a full stop.
        level: the strictest one that allows it.
    """

    path: Path
    code: str
    message: str
    level: Level


def breaches(spec: Spec, level: Level, *, whole: bool) -> Iterator[Breach]:
    """What of a PodSpec the level forbids.

    Args:
        spec: the PodSpec.
        level: of the policy.
        whole: restricted also asks for what is not there; False: a part that will be filled up.
    """
    if level == "privileged":
        return
    for control in _BASELINE:
        yield from control(spec)
    if level == "restricted":
        for control in _RESTRICTED:
            yield from control(spec)
        if whole:
            yield from _missing(spec)


def _host_process(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        if sub(context, "windowsOptions").get("hostProcess"):
            place = (*path, "windowsOptions", "hostProcess")
            yield _baseline(place, "host-process", "a HostProcess container has the node's own rights")


def _host_namespaces(spec: Spec) -> Iterator[Breach]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield _baseline((key,), "host-namespaces", f"{key} shares a namespace of the node")


def _privileged(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        if context.get("privileged"):
            message = "a privileged container owns the node"
            yield _baseline((*path, "privileged"), "privileged", message)


def _capabilities(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        for index, name in enumerate(sub(context, "capabilities").get("add") or ()):
            if name not in CAPABILITIES:
                place = (*path, "capabilities", "add", index)
                yield _baseline(place, "capabilities", f"the capability {name} may not be added")


def _host_path(spec: Spec) -> Iterator[Breach]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        if "hostPath" in volume:
            message = f"the volume {volume.get('name')} is a path of the node"
            yield _baseline(("volumes", index, "hostPath"), "host-path", message)


def _host_ports(spec: Spec) -> Iterator[Breach]:
    for path, container in _containers(spec):
        for index, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                place = (*path, "ports", index, "hostPort")
                yield _baseline(place, "host-ports", "a host port is a port of the node")


def _host_probes(spec: Spec) -> Iterator[Breach]:
    for path, container in _containers(spec):
        actions: list[tuple[Path, Mapping[str, Any]]] = [((name,), sub(container, name)) for name in _PROBES]
        actions += [(("lifecycle", name), sub(container, "lifecycle", name)) for name in _HOOKS]
        for where, action in actions:
            for kind in ("httpGet", "tcpSocket"):
                if sub(action, kind).get("host"):
                    place = (*path, *where, kind, "host")
                    message = "a probe or hook may not name a host: the kubelet would call it"
                    yield _baseline(place, "host-probes", message)


def _app_armor(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        kind = sub(context, "appArmorProfile").get("type")
        if kind not in (None, "RuntimeDefault", "Localhost"):
            place = (*path, "appArmorProfile", "type")
            yield _baseline(place, "apparmor", f"the AppArmor profile {kind} confines nothing")


def _se_linux(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        options = sub(context, "seLinuxOptions")
        if (options.get("type") or "") not in SELINUX_TYPES:
            place = (*path, "seLinuxOptions", "type")
            yield _baseline(place, "selinux", f"the SELinux type {options['type']} is not a container's")
        for key in ("user", "role"):
            if options.get(key):
                place = (*path, "seLinuxOptions", key)
                yield _baseline(place, "selinux", f"the SELinux {key} may not be set")


def _proc_mount(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        if context.get("procMount") not in (None, "", "Default"):
            message = f"procMount {context['procMount']} shows /proc without its masks"
            yield _baseline((*path, "procMount"), "proc-mount", message)


def _seccomp_unconfined(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        kind = sub(context, "seccompProfile").get("type")
        if kind not in (None, "RuntimeDefault", "Localhost"):
            place = (*path, "seccompProfile", "type")
            yield _baseline(place, "seccomp", f"the seccomp profile {kind} filters nothing")


def _sysctls(spec: Spec) -> Iterator[Breach]:
    for index, entry in enumerate(sub(spec, "securityContext").get("sysctls") or ()):
        if entry.get("name") not in SYSCTLS:
            place = ("securityContext", "sysctls", index, "name")
            yield _baseline(place, "sysctls", f"the sysctl {entry.get('name')} is not known to be safe")


def _volume_types(spec: Spec) -> Iterator[Breach]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        for kind in volume:
            if kind not in RESTRICTED_VOLUMES and kind not in ("name", "hostPath"):
                message = f"the volume {volume.get('name')} is of the kind {kind}"
                yield _restricted(("volumes", index, kind), "volume-types", message)


def _escalation(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        if context.get("allowPrivilegeEscalation"):
            message = "a process may not gain more rights than its parent"
            yield _restricted((*path, "allowPrivilegeEscalation"), "privilege-escalation", message)


def _root(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        if context.get("runAsNonRoot") is False:
            yield _restricted((*path, "runAsNonRoot"), "run-as-non-root", "a container may not run as root")
        if context.get("runAsUser") == 0:
            yield _restricted((*path, "runAsUser"), "run-as-user", "the user 0 is root")


def _drops(spec: Spec) -> Iterator[Breach]:
    for path, context in _contexts(spec):
        capabilities = sub(context, "capabilities")
        dropped = capabilities.get("drop")
        if dropped and "ALL" not in dropped:
            message = "a container drops ALL capabilities"
            yield _restricted((*path, "capabilities", "drop"), "capabilities", message)
        for index, name in enumerate(capabilities.get("add") or ()):
            if name in CAPABILITIES and name != "NET_BIND_SERVICE":
                place = (*path, "capabilities", "add", index)
                yield _restricted(place, "capabilities", f"the capability {name} may not be added")


def _missing(spec: Spec) -> Iterator[Breach]:
    """What every container must state, itself or by its pod."""
    pod = sub(spec, "securityContext")
    for path, container in _containers(spec):
        own = sub(container, "securityContext")
        name = container.get("name")
        if own.get("allowPrivilegeEscalation") is not False:
            message = f"the container {name} does not forbid privilege escalation"
            yield _restricted((*path, "securityContext"), "privilege-escalation", message)
        if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            message = f"the container {name} does not say runAsNonRoot"
            yield _restricted((*path, "securityContext"), "run-as-non-root", message)
        if not (own.get("seccompProfile") or pod.get("seccompProfile")):
            message = f"the container {name} has no seccomp profile"
            yield _restricted((*path, "securityContext"), "seccomp", message)
        if not sub(own, "capabilities").get("drop"):
            message = f"the container {name} drops no capabilities"
            yield _restricted((*path, "securityContext"), "capabilities", message)


_BASELINE: tuple[Callable[[Spec], Iterator[Breach]], ...] = (
    _host_process,
    _host_namespaces,
    _privileged,
    _capabilities,
    _host_path,
    _host_ports,
    _host_probes,
    _app_armor,
    _se_linux,
    _proc_mount,
    _seccomp_unconfined,
    _sysctls,
)
_RESTRICTED: tuple[Callable[[Spec], Iterator[Breach]], ...] = (_volume_types, _escalation, _root, _drops)


def _contexts(spec: Spec) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    yield ("securityContext",), sub(spec, "securityContext")
    for path, container in _containers(spec):
        yield (*path, "securityContext"), sub(container, "securityContext")


def _containers(spec: Spec) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for key in _LISTS:
        for index, container in enumerate(spec.get(key) or ()):
            yield (key, index), container


def _baseline(path: Path, code: str, message: str) -> Breach:
    return Breach(path, POLICY_CODE + code, message, "privileged")


def _restricted(path: Path, code: str, message: str) -> Breach:
    return Breach(path, POLICY_CODE + code, message, "baseline")
