"""How large a task's volumes may be, and which storage their claims may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.model import Manifest, Task
from translator.task.quantity import is_zero, parse_quantity
from translator.workflow.policy.model import Policy, allows
from translator.workflow.refusal import POLICY_CODE, Fault, not_allowed
from translator.workflow.shared import declared


def volume_faults(task: Task, policy: Policy) -> Iterator[Fault]:
    """What of the sizes and claims of a task's volumes the policy forbids."""
    for path, volume in declared(task):
        size = (volume.get("emptyDir") or {}).get("sizeLimit")
        if size and policy.empty_dir_size and _exceeds(size, policy.empty_dir_size):
            message = f"an emptyDir of {size} is too large: at most {policy.empty_dir_size}"
            hint = "the policy's limit is policy.emptyDirSize"
            yield Fault(f"{path}.emptyDir.sizeLimit", message, hint, POLICY_CODE + "empty-dir-size")
        claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
        if claim:
            yield from _claim(f"{path}.ephemeral.volumeClaimTemplate", claim, policy)


def bounded(volume: Manifest, policy: Policy) -> Manifest:
    """The volume as the Workflow has it: an emptyDir without a size gets the policy's; zero is no size."""
    if "emptyDir" not in volume:
        return volume
    given = {key: value for key, value in (volume["emptyDir"] or {}).items() if not _no_size(key, value)}
    if policy.empty_dir_size:
        given.setdefault("sizeLimit", policy.empty_dir_size)
    return {**volume, "emptyDir": given}


def empty_dir_size(volume: Manifest) -> str:
    """What the task says of an emptyDir's size; empty where that is no limit (nothing, or zero)."""
    size = (volume.get("emptyDir") or {}).get("sizeLimit")
    return "" if size is None or _no_size("sizeLimit", size) else str(size)


def _no_size(key: str, value: Any) -> bool:
    return key == "sizeLimit" and (value == "" or is_zero(value))


def _claim(path: str, claim: Mapping[str, Any], policy: Policy) -> Iterator[Fault]:
    spec = claim.get("spec") or {}
    for kind in ("requests", "limits"):
        size = ((spec.get("resources") or {}).get(kind) or {}).get("storage")
        if size and policy.claim_size and _exceeds(size, policy.claim_size):
            message = f"a volume of {size} is too large: at most {policy.claim_size}"
            hint = "the policy's limit is policy.claimSize"
            place = f"{path}.spec.resources.{kind}.storage"
            yield Fault(place, message, hint, POLICY_CODE + "claim-size")
    chosen = str(spec.get("storageClassName") or "")
    if chosen and not allows(policy.storage_classes, chosen):
        message = f"a task may not use the storage class {chosen}"
        yield not_allowed(f"{path}.spec.storageClassName", message, "storageClasses", "storage-class")
    volume = str(spec.get("volumeName") or "")
    if volume and not allows(policy.volume_names, volume):
        message = f"a task may not claim the volume {volume}"
        yield not_allowed(f"{path}.spec.volumeName", message, "volumeNames", "volume-name")
    if spec.get("selector") and "*" not in policy.volume_names:
        message = "a selector claims volumes that exist, whose ever they were"
        yield not_allowed(f"{path}.spec.selector", message, "volumeNames", "volume-name")
    for key in (claim.get("metadata") or {}).get("annotations") or {}:
        if not allows(policy.claim_annotations, key):
            message = f"the claim of a task may not have the annotation {key}"
            place = f'{path}.metadata.annotations["{key}"]'
            yield not_allowed(place, message, "claimAnnotations", "claim-annotation")


def _exceeds(amount: Any, most: str) -> bool:
    return parse_quantity(str(amount)) > parse_quantity(most)
