"""The security contexts of pods and containers (core/v1, Kubernetes 1.35)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.task.names import Fault
from translator.task.schema.kinds import Rules, flag, mapping, sequence, text, texts, whole

_PROFILE_TYPES = ("RuntimeDefault", "Unconfined", "Localhost")


def _profile_fault(profile: Mapping[str, Any], *, of_file: bool) -> Fault | None:
    """What core/v1's validation asks of a profile's two fields, once they have the right types."""
    kind, name = profile.get("type"), profile.get("localhostProfile")
    if kind == "Localhost" and not name:
        return "the type Localhost needs localhostProfile", "name the profile, or use RuntimeDefault"
    if kind != "Localhost" and name and isinstance(kind, str):
        return f"localhostProfile is for the type Localhost, not {kind[:80]}", "remove it, or use Localhost"
    if of_file and isinstance(name, str) and (name.startswith("/") or ".." in name.split("/")):
        return f"{name!r} is not a path below the kubelet's folder of profiles", "relative, without '..'"
    return None


def _profile(*, of_file: bool) -> Rules:
    fields = {"localhostProfile": text(), "type": text(required=True, allowed=_PROFILE_TYPES)}
    return mapping(fields, find=lambda profile: _profile_fault(profile, of_file=of_file), code="bad-profile")


_SHARED = {
    "appArmorProfile": _profile(of_file=False),
    "runAsGroup": whole(),
    "runAsNonRoot": flag(),
    "runAsUser": whole(),
    "seLinuxOptions": mapping({"level": text(), "role": text(), "type": text(), "user": text()}),
    "seccompProfile": _profile(of_file=True),
    "windowsOptions": mapping(
        {
            "gmsaCredentialSpec": text(),
            "gmsaCredentialSpecName": text(),
            "hostProcess": flag(),
            "runAsUserName": text(),
        }
    ),
}

POD_SECURITY_CONTEXT = mapping(
    _SHARED
    | {
        "fsGroup": whole(),
        "fsGroupChangePolicy": text(allowed=("OnRootMismatch", "Always")),
        "seLinuxChangePolicy": text(allowed=("Recursive", "MountOption")),
        "supplementalGroups": sequence(whole(required=True)),
        "supplementalGroupsPolicy": text(allowed=("Merge", "Strict")),
        "sysctls": sequence(mapping({"name": text(required=True), "value": text(required=True)})),
    }
)

CONTAINER_SECURITY_CONTEXT = mapping(
    _SHARED
    | {
        "allowPrivilegeEscalation": flag(),
        "capabilities": mapping({"add": texts(), "drop": texts()}),
        "privileged": flag(),
        "procMount": text(allowed=("Default", "Unmasked")),
        "readOnlyRootFilesystem": flag(),
    }
)
