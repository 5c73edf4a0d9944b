"""Volumes and how steps mount them (core/v1, Kubernetes 1.35)."""

from __future__ import annotations

from translator.task.names import Fault, label_fault, subdomain_fault
from translator.task.schema.affinity import LABEL_SELECTOR
from translator.task.schema.kinds import (
    INT32,
    Rules,
    flag,
    mapping,
    quantity,
    sequence,
    text,
    texts,
    texts_by_name,
    whole,
)

_MODE = whole(maximum=0o777)
_SECRET_REF = mapping({"name": text(find=subdomain_fault)})
_ITEMS = sequence(mapping({"key": text(required=True), "mode": _MODE, "path": text(required=True)}))
_OBJECT = {"apiGroup": text(), "kind": text(required=True), "name": text(required=True)}
_AMOUNTS = {"type": ["dict", "null-word"], "nullable": True, "valuesrules": quantity(required=True)}

FIELD_REF = mapping({"apiVersion": text(), "fieldPath": text(required=True)})
RESOURCE_FIELD_REF = mapping(
    {"containerName": text(), "divisor": quantity(), "resource": text(required=True)},
)

_DOWNWARD_ITEMS = sequence(
    mapping(
        {
            "fieldRef": FIELD_REF,
            "mode": _MODE,
            "path": text(required=True),
            "resourceFieldRef": RESOURCE_FIELD_REF,
        }
    )
)

_PROJECTED_SOURCE = {
    "clusterTrustBundle": mapping(
        {
            "labelSelector": LABEL_SELECTOR,
            "name": text(),
            "optional": flag(),
            "path": text(required=True),
            "signerName": text(),
        }
    ),
    "configMap": mapping({"items": _ITEMS, "name": text(find=subdomain_fault), "optional": flag()}),
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
    "secret": mapping({"items": _ITEMS, "name": text(find=subdomain_fault), "optional": flag()}),
    "serviceAccountToken": mapping(
        {"audience": text(), "expirationSeconds": whole(minimum=600), "path": text(required=True)},
    ),
}

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
        {"defaultMode": _MODE, "items": _ITEMS, "name": text(find=subdomain_fault), "optional": flag()},
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
            "path": text(required=True),
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
    "projected": mapping({"defaultMode": _MODE, "sources": sequence(mapping(_PROJECTED_SOURCE))}),
    "secret": mapping(
        {"defaultMode": _MODE, "items": _ITEMS, "optional": flag(), "secretName": text(find=subdomain_fault)},
    ),
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
