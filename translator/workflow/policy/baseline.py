"""The controls of the level ``baseline``, one function each: what would let a pod out onto its node.

They follow Kubernetes' page (v1.35) control by control:
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from translator.task.look import sub
from translator.task.path import Path
from translator.workflow.policy.breach import Breach, Spec, containers, contexts
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

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


def _host_process(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        if sub(context, "windowsOptions").get("hostProcess"):
            place = (*path, "windowsOptions", "hostProcess")
            yield _breach(place, "host-process", "a HostProcess container has the node's own rights")


def _host_namespaces(spec: Spec) -> Iterator[Breach]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield _breach((key,), "host-namespaces", f"{key} shares a namespace of the node")


def _privileged(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        if context.get("privileged"):
            message = "a privileged container owns the node"
            yield _breach((*path, "privileged"), "privileged", message)


def _capabilities(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        for index, name in enumerate(sub(context, "capabilities").get("add") or ()):
            if name not in CAPABILITIES:
                place = (*path, "capabilities", "add", index)
                yield _breach(place, "capabilities", f"the capability {name} may not be added")


def _host_path(spec: Spec) -> Iterator[Breach]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        if "hostPath" in volume:
            message = f"the volume {volume.get('name')} is a path of the node"
            yield _breach(("volumes", index, "hostPath"), "host-path", message)


def _host_ports(spec: Spec) -> Iterator[Breach]:
    for path, container in containers(spec):
        for index, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                place = (*path, "ports", index, "hostPort")
                yield _breach(place, "host-ports", "a host port is a port of the node")


def _host_probes(spec: Spec) -> Iterator[Breach]:
    for path, container in containers(spec):
        actions: list[tuple[Path, Mapping[str, Any]]] = [((name,), sub(container, name)) for name in _PROBES]
        actions += [(("lifecycle", name), sub(container, "lifecycle", name)) for name in _HOOKS]
        for where, action in actions:
            for kind in ("httpGet", "tcpSocket"):
                if sub(action, kind).get("host"):
                    place = (*path, *where, kind, "host")
                    message = "a probe or hook may not name a host: the kubelet would call it"
                    yield _breach(place, "host-probes", message)


def _app_armor(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        kind = sub(context, "appArmorProfile").get("type")
        if kind not in (None, "RuntimeDefault", "Localhost"):
            place = (*path, "appArmorProfile", "type")
            yield _breach(place, "apparmor", f"the AppArmor profile {kind} confines nothing")


def _se_linux(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        options = sub(context, "seLinuxOptions")
        if (options.get("type") or "") not in SELINUX_TYPES:
            place = (*path, "seLinuxOptions", "type")
            yield _breach(place, "selinux", f"the SELinux type {options['type']} is not a container's")
        for key in ("user", "role"):
            if options.get(key):
                place = (*path, "seLinuxOptions", key)
                yield _breach(place, "selinux", f"the SELinux {key} may not be set")


def _proc_mount(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        if context.get("procMount") not in (None, "", "Default"):
            message = f"procMount {context['procMount']} shows /proc without its masks"
            yield _breach((*path, "procMount"), "proc-mount", message)


def _seccomp_unconfined(spec: Spec) -> Iterator[Breach]:
    for path, context in contexts(spec):
        kind = sub(context, "seccompProfile").get("type")
        if kind not in (None, "RuntimeDefault", "Localhost"):
            place = (*path, "seccompProfile", "type")
            yield _breach(place, "seccomp", f"the seccomp profile {kind} filters nothing")


def _sysctls(spec: Spec) -> Iterator[Breach]:
    for index, entry in enumerate(sub(spec, "securityContext").get("sysctls") or ()):
        if entry.get("name") not in SYSCTLS:
            place = ("securityContext", "sysctls", index, "name")
            yield _breach(place, "sysctls", f"the sysctl {entry.get('name')} is not known to be safe")


def _breach(path: Path, code: str, message: str) -> Breach:
    return Breach(path, POLICY_CODE + code, message, "privileged")


CONTROLS: tuple[Callable[[Spec], Iterator[Breach]], ...] = (
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
