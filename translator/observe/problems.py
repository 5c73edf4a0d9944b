"""Kubernetes' and Argo's words for what went wrong → our reasons."""

from __future__ import annotations

import re
from typing import Final

from translator.observe import reasons

_PULL: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIG: Final = frozenset({"CreateContainerConfigError"})
_START: Final = frozenset(
    {
        "CreateContainerError",
        "RunContainerError",
        "StartError",
        "ContainerCannotRun",
        "PreCreateHookError",
        "CreatePodSandboxError",
    }
)
_SCHEDULING: Final = frozenset({"Unschedulable", "SchedulingGated", "SchedulerError"})

_DENIED: Final = re.compile(
    r"denied|unauthorized|authorization failed|authentication required|\b40[13]\b", re.IGNORECASE
)
_ABSENT: Final = re.compile(r"not found|manifest unknown|name unknown|does not exist", re.IGNORECASE)

_REFUSED: Final = (
    (re.compile(r"exceeded quota|failed quota|status unknown for quota"), reasons.QUOTA_EXCEEDED),
    (
        re.compile(r"admission webhook|ValidatingAdmissionPolicy|violates PodSecurity|denied the request"),
        reasons.ADMISSION_DENIED,
    ),
    (re.compile(r"longer than maximum allowed size|request is too large"), reasons.WORKFLOW_TOO_LARGE),
    (re.compile(r"invalid spec|failed to resolve|is invalid:"), reasons.INVALID_WORKFLOW),
    (
        # admission plugins call it forbidden too; Argo looks its executor's account up itself
        re.compile(
            r"serviceaccounts \S+ not found|error looking up service account"
            r"|no PriorityClass with name|RuntimeClass \S+ not found"
        ),
        reasons.OBJECT_MISSING,
    ),
    # of Argo's executor, in the step's pod; not of the service's own account
    (re.compile(r"workflowtaskresults\.argoproj\.io (?:\S+ )?is forbidden:"), reasons.EXECUTOR_FORBIDDEN),
    (re.compile(r"is forbidden:"), reasons.FORBIDDEN),
)

_WORD: Final = re.compile(r"(\w+)(?: \(exit code \d+\))?(?:: (.*))?", re.DOTALL)


def waiting(reason: str, message: str) -> str:
    """Return why a container, or a pod that is not scheduled, cannot start; empty if nothing is wrong.

    Args:
        reason: the waiting container's or the condition's reason.
        message: the words that belong to it.
    """
    if reason in _PULL:
        return _pull(reason, message)
    if reason in _CONFIG:
        return reasons.CREATE_CONTAINER_CONFIG_ERROR
    if reason in _START:
        return reasons.CONTAINER_START_FAILED
    if reason in _SCHEDULING:
        return reasons.UNSCHEDULABLE
    return ""


def pending(message: str) -> tuple[str, str]:
    """Return (reason, words) for a node's message that tells why its container cannot start.

    Such as ``Unschedulable: 0/1 nodes …``, or ``StartError (exit code 128): …`` once it has failed; else two
    empty texts.
    """
    word = _WORD.fullmatch(message)
    if word is not None and (reason := waiting(word[1], word[2] or "")):
        return reason, word[2] or word[1]
    reason = refused(message)
    return (reason, message) if reason else ("", "")


def refused(message: str) -> str:
    """Return why Argo or Kubernetes refused an object, or empty if the message does not say so."""
    return next((reason for pattern, reason in _REFUSED if pattern.search(message)), "")


def _pull(reason: str, message: str) -> str:
    # Docker Hub answers "access denied" and "does not exist" in one sentence, for either
    if _DENIED.search(message):
        return reasons.IMAGE_PULL_DENIED
    if _ABSENT.search(message) or reason in ("InvalidImageName", "ErrImageNeverPull"):
        return reasons.IMAGE_NOT_FOUND
    return reasons.IMAGE_PULL_FAILED
