"""Volumes and how steps mount them (core/v1, Kubernetes 1.35)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from translator.task.blanks import is_null
from translator.task.names import Fault, label_fault, qualified_name_fault, subdomain_fault
from translator.task.schema.affinity import LABEL_SELECTOR
from translator.task.schema.kinds import (
    INT32,
    Rules,
    flag,
    mapping,
    mode,
    quantity,
    sequence,
    text,
    texts,
    texts_by_name,
    whole,
)

_POD_FIELDS = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
)  # fmt: skip
_ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_BY_KEY = re.compile(r"metadata\.(?:annotations|labels)\['([^']*)'\]")
_AMOUNTS_OF = ("cpu", "memory", "ephemeral-storage")
_RESOURCES = tuple(f"{kind}.{name}" for kind in ("limits", "requests") for name in _AMOUNTS_OF)


def _field_fault(path: str, known: tuple[str, ...]) -> Fault | None:
    """A field of the pod that core/v1 hands on: one of a few, or one label or annotation by its key."""
    by_key = _BY_KEY.fullmatch(path)
    if by_key is not None:
        return qualified_name_fault(by_key[1].lower())
    if path in known:
        return None
    if path.startswith(("metadata.labels", "metadata.annotations")):
        kind, _, key = path.removeprefix("metadata.").partition(".")
        kind, bracket, inner = kind.partition("[")
        key = (inner.rstrip("]") if bracket else key).strip("\"'") or "KEY"
        return f"{path[:80]!r} is not a field of the pod", f"write metadata.{kind}['{key[:63]}']"
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(path[:64].lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[near[0]]}?" if near else "one of " + ", ".join(known)
    return f"{path[:80]!r} is not a field of the pod that can be handed on", hint


def env_field_fault(path: str) -> Fault | None:
    """What keeps a ``fieldPath`` from being a variable's value."""
    return _field_fault(path, _ENV_FIELDS)


def _file_field_fault(path: str) -> Fault | None:
    """What keeps a ``fieldPath`` from being the content of a file of a downwardAPI volume."""
    return _field_fault(path, _POD_FIELDS)


def _resource_field_fault(name: str) -> Fault | None:
    if name in _RESOURCES or name.startswith(("limits.hugepages-", "requests.hugepages-")):
        return None
    near = difflib.get_close_matches(name[:64], _RESOURCES, n=1)
    hint = f"did you mean {near[0]}?" if near else "one of " + ", ".join(_RESOURCES)
    return f"{name[:80]!r} is not an amount of a container", hint


def _item_path_fault(path: str) -> Fault | None:
    """A file inside a volume: relative, and never out of it (core/v1's ``validateLocalNonReservedPath``)."""
    if path.startswith("/"):
        return f"{path!r} is not a path inside the volume", f"did you mean {path.lstrip('/') or 'name'}?"
    if path.startswith(".."):
        return f"{path!r} begins with '..'", "a path inside the volume"
    return (f"{path!r} leads out of the volume", "without '..'") if ".." in path.split("/") else None


def _host_path_fault(path: str) -> Fault | None:
    return (f"{path!r} holds '..'", "write the path out") if ".." in path.split("/") else None


_MODE = mode()
_SECRET_REF = mapping({"name": text(find=subdomain_fault)})
_FILE = text(required=True, find=_item_path_fault, code="bad-path")
_ITEMS = sequence(mapping({"key": text(required=True), "mode": _MODE, "path": _FILE}))
_OBJECT = {"apiGroup": text(), "kind": text(required=True), "name": text(required=True)}
_AMOUNTS = {"type": ["dict", "null-word"], "nullable": True, "valuesrules": quantity(required=True)}

_V1 = text(allowed=("v1",))
FIELD_REF = mapping(
    {"apiVersion": _V1, "fieldPath": text(required=True, find=env_field_fault, code="bad-field")}
)
_FILE_FIELD_REF = mapping(
    {"apiVersion": _V1, "fieldPath": text(required=True, find=_file_field_fault, code="bad-field")}
)
RESOURCE_FIELD_REF = mapping(
    {
        "containerName": text(),
        "divisor": quantity(),
        "resource": text(required=True, find=_resource_field_fault, code="bad-field"),
    },
)

_DOWNWARD_ITEMS = sequence(
    mapping(
        {
            "fieldRef": _FILE_FIELD_REF,
            "mode": _MODE,
            "path": _FILE,
            "resourceFieldRef": RESOURCE_FIELD_REF,
        }
    )
)

_NAME = text(required=True, find=subdomain_fault)
"""Of a ConfigMap or Secret. Kubernetes lets a volume without it pass, and the pod then waits for ever."""

_PROJECTED_SOURCE = {
    "clusterTrustBundle": mapping(
        {
            "labelSelector": LABEL_SELECTOR,
            "name": text(),
            "optional": flag(),
            "path": _FILE,
            "signerName": text(),
        }
    ),
    "configMap": mapping({"items": _ITEMS, "name": _NAME, "optional": flag()}),
    "downwardAPI": mapping({"items": _DOWNWARD_ITEMS}),
    "podCertificate": mapping(
        {
            "certificateChainPath": text(),
            "credentialBundlePath": text(),
            "keyPath": text(),
            "keyType": text(required=True),
            "maxExpirationSeconds": whole(maximum=INT32),
            "signerName": text(required=True),
            "userAnnotations": texts_by_name(),
        }
    ),
    "secret": mapping({"items": _ITEMS, "name": _NAME, "optional": flag()}),
    "serviceAccountToken": mapping(
        {"audience": text(), "expirationSeconds": whole(minimum=600, maximum=INT32), "path": _FILE},
    ),
}


def _one_projection(source: Mapping[str, Any]) -> Fault | None:
    given = [key for key, value in source.items() if key in _PROJECTED_SOURCE and not is_null(value)]
    if len(given) == 1:
        return None
    found = f"not {' and '.join(given)}" if given else "and this has none"
    return f"a projection has one source, {found}", "one of " + ", ".join(_PROJECTED_SOURCE)


_CLAIM_SPEC = {
    "accessModes": sequence(
        text(required=True, allowed=("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"))
    ),
    "dataSource": mapping(_OBJECT),
    "dataSourceRef": mapping(_OBJECT | {"namespace": text()}),
    "resources": mapping({"limits": _AMOUNTS, "requests": _AMOUNTS}),
    "selector": LABEL_SELECTOR,
    "storageClassName": text(),
    "volumeAttributesClassName": text(),
    "volumeMode": text(allowed=("Block", "Filesystem")),
    "volumeName": text(),
}

_COMMON: dict[str, Rules] = {
    "configMap": mapping(
        {"defaultMode": _MODE, "items": _ITEMS, "name": _NAME, "optional": flag()},
    ),
    "csi": mapping(
        {
            "driver": text(required=True),
            "fsType": text(),
            "nodePublishSecretRef": _SECRET_REF,
            "readOnly": flag(),
            "volumeAttributes": texts_by_name(),
        }
    ),
    "downwardAPI": mapping({"defaultMode": _MODE, "items": _DOWNWARD_ITEMS}),
    "emptyDir": mapping({"medium": text(), "sizeLimit": quantity()}),
    "ephemeral": mapping(
        {
            "volumeClaimTemplate": mapping(
                {
                    "metadata": mapping({"annotations": texts_by_name(), "labels": texts_by_name()}),
                    "spec": mapping(_CLAIM_SPEC, required=True),
                },
                required=True,
            )
        }
    ),
    "hostPath": mapping(
        {
            "path": text(required=True, find=_host_path_fault, code="bad-path"),
            "type": text(
                allowed=(
                    "DirectoryOrCreate",
                    "Directory",
                    "FileOrCreate",
                    "File",
                    "Socket",
                    "CharDevice",
                    "BlockDevice",
                )
            ),
        }
    ),
    "image": mapping({"pullPolicy": text(allowed=("Always", "Never", "IfNotPresent")), "reference": text()}),
    "nfs": mapping({"path": text(required=True), "readOnly": flag(), "server": text(required=True)}),
    "persistentVolumeClaim": mapping(
        {"claimName": text(required=True, find=subdomain_fault), "readOnly": flag()},
    ),
    "projected": mapping(
        {
            "defaultMode": _MODE,
            "sources": sequence(
                mapping(_PROJECTED_SOURCE, find=_one_projection, code="one-source"), required=True, minimum=1
            ),
        }
    ),
    "secret": mapping({"defaultMode": _MODE, "items": _ITEMS, "optional": flag(), "secretName": _NAME}),
}

# Kinds of storage that Kubernetes keeps for old clusters: their text fields, the required ones with "!"
_LEGACY_TEXTS: dict[str, str] = {
    "awsElasticBlockStore": "fsType volumeID!",
    "azureDisk": "cachingMode diskName! diskURI! fsType kind",
    "azureFile": "secretName! shareName!",
    "cephfs": "path secretFile user",
    "cinder": "fsType volumeID!",
    "fc": "fsType",
    "flexVolume": "driver! fsType",
    "flocker": "datasetName datasetUUID",
    "gcePersistentDisk": "fsType pdName!",
    "gitRepo": "directory repository! revision",
    "glusterfs": "endpoints! path!",
    "iscsi": "fsType initiatorName iqn! iscsiInterface targetPortal!",
    "photonPersistentDisk": "fsType pdID!",
    "portworxVolume": "fsType volumeID!",
    "quobyte": "group registry! tenant user volume!",
    "rbd": "fsType image! keyring pool user",
    "scaleIO": "fsType gateway! protectionDomain storageMode storagePool system! volumeName",
    "storageos": "fsType volumeName volumeNamespace",
    "vsphereVolume": "fsType storagePolicyID storagePolicyName volumePath!",
}
_SECRET_HOLDERS = frozenset(("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"))
_NOT_READ_ONLY = frozenset(("flocker", "gitRepo", "photonPersistentDisk", "vsphereVolume"))
_LEGACY_MORE: dict[str, dict[str, Rules]] = {
    "awsElasticBlockStore": {"partition": whole(maximum=INT32)},
    "cephfs": {"monitors": texts() | {"required": True}},
    "fc": {"lun": whole(maximum=INT32), "targetWWNs": texts(), "wwids": texts()},
    "flexVolume": {"options": texts_by_name()},
    "gcePersistentDisk": {"partition": whole(maximum=INT32)},
    "iscsi": {
        "chapAuthDiscovery": flag(),
        "chapAuthSession": flag(),
        "lun": whole(required=True, maximum=INT32),
        "portals": texts(),
    },
    "rbd": {"monitors": texts() | {"required": True}},
    "scaleIO": {"sslEnabled": flag()},
}


def _legacy(kind: str, fields: str) -> Rules:
    known = {name.rstrip("!"): text(required=name.endswith("!")) for name in fields.split()}
    if kind in _SECRET_HOLDERS:
        known["secretRef"] = _SECRET_REF | ({"required": True} if kind == "scaleIO" else {})
    if kind not in _NOT_READ_ONLY:
        known["readOnly"] = flag()
    return mapping(known | _LEGACY_MORE.get(kind, {}))


SOURCES: dict[str, Rules] = _COMMON | {kind: _legacy(kind, fields) for kind, fields in _LEGACY_TEXTS.items()}
"""Every kind of volume, by the key that chooses it."""

VOLUME = mapping({"name": text(required=True, find=label_fault)} | SOURCES)


def _mount_path_fault(path: str) -> Fault | None:
    if not path.startswith("/"):
        return f"{path!r} is not an absolute path", f"did you mean /{path.removeprefix('./')}?"
    return ("a mount path may not hold ':'", "") if ":" in path else None


def _sub_path_fault(path: str) -> Fault | None:
    if path.startswith("/") or ".." in path.split("/"):
        return f"{path!r} is not a path inside the volume", "relative, without '..'"
    return None


VOLUME_MOUNTS = sequence(
    mapping(
        {
            "mountPath": text(required=True, find=_mount_path_fault, code="bad-path"),
            "mountPropagation": text(allowed=("None", "HostToContainer", "Bidirectional")),
            "name": text(required=True),
            "readOnly": flag(),
            "recursiveReadOnly": text(allowed=("Disabled", "IfPossible", "Enabled")),
            "subPath": text(find=_sub_path_fault, code="bad-path"),
            "subPathExpr": text(find=_sub_path_fault, code="bad-path"),
        }
    )
)
