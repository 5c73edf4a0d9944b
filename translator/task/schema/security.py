"""The security contexts of pods and containers (core/v1, Kubernetes 1.35)."""

from __future__ import annotations

from translator.task.schema.kinds import flag, mapping, sequence, text, texts, whole

_PROFILE_TYPES = ("RuntimeDefault", "Unconfined", "Localhost")

_SHARED = {
    "appArmorProfile": mapping(
        {"localhostProfile": text(), "type": text(required=True, allowed=_PROFILE_TYPES)},
    ),
    "runAsGroup": whole(),
    "runAsNonRoot": flag(),
    "runAsUser": whole(),
    "seLinuxOptions": mapping({"level": text(), "role": text(), "type": text(), "user": text()}),
    "seccompProfile": mapping(
        {"localhostProfile": text(), "type": text(required=True, allowed=_PROFILE_TYPES)},
    ),
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
