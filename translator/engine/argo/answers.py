"""What an answer of the API server means for the caller: try again, or tell the user why not.

The texts are Kubernetes' own: quota and admission refusals are plain 403s that only their message tells from
missing permissions (apiserver/pkg/admission, apiserver/pkg/admission/plugin/webhook/errors).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from translator.errors import PermanentError, TemporaryError
from translator.observe import reasons

TRY_AGAIN = frozenset({401, 408, 429})
"""Besides every 5xx. 401: the credentials are the operator's matter and are renewed, no task is at fault."""

_QUOTA = ("exceeded quota:", "failed quota:", "status unknown for quota")
_ADMISSION = ("admission webhook", "ValidatingAdmissionPolicy", "violates PodSecurity", "denied the request")
_TOO_LARGE = ("request is too large", "Request entity too large", "trying to send message larger than max")
_UNKNOWN_KIND = "could not find the requested resource"
_TERMINATING = "because it is being terminated"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as people name it: ``create workflows/task-x in namespace default``.

    Attributes:
        verb: the RBAC verb, such as ``create``.
        resource: the plural, with a subresource where there is one, such as ``pods/log``.
        namespace: empty for all namespaces.
        name: empty for a collection.
    """

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "")
        return f"{what} in namespace {self.namespace}" if self.namespace else what


class RefusedError(PermanentError):
    """The API server will not do this, however often it is asked.

    Args:
        message: which call, and the server's own words.
        status: the HTTP status.
        reason: one of `translator.observe.reasons`.
        remedy: what the reader can do about it.
        words: the server's own words alone.
        causes: of an object that is not valid, each field with what is wrong there.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str,
        remedy: str,
        words: str = "",
        causes: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message, reason=reason, remedy=remedy)
        self.status = status
        self.words = words
        self.causes = causes


class UnavailableError(TemporaryError):
    """The API server could not be reached, or could not do this now.

    Args:
        message: which call, and what happened.
        status: the HTTP status; 0: there was no answer.
        retry_after: seconds that the server asked to wait.
    """

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class SilentError(UnavailableError):
    """Nothing was heard of the API server for as long as the caller waits."""


def no_answer(message: str, error: BaseException) -> UnavailableError:
    """The error for a request that got no answer, or only a part of one."""
    return (SilentError if isinstance(error, TimeoutError) else UnavailableError)(message)


def fault(
    call: Call, status: int, body: bytes, retry_after: str | None = None
) -> RefusedError | UnavailableError:
    """The error that an answer of 400 or more stands for.

    Args:
        call: the request that it answers.
        status: the HTTP status.
        body: a ``Status`` object as JSON, or whatever a proxy on the way said.
        retry_after: the header of that name.
    """
    told = _status_object(body)
    words = str(told.get("message") or body[:300].decode(errors="replace").strip() or "no message")
    message = f"cannot {call}: {words} (HTTP {status})"
    too_large = status == 413 or (status >= 500 and _any(_TOO_LARGE, words))
    if (status in TRY_AGAIN or status >= 500) and not too_large:
        return UnavailableError(message, status=status, retry_after=_seconds(retry_after, told))
    reason, remedy = _why(call, status, words, told)
    return RefusedError(
        message, status=status, reason=reason, remedy=remedy, words=words, causes=_causes(told)
    )


def _why(call: Call, status: int, words: str, told: Mapping[str, Any]) -> tuple[str, str]:
    """Reason and remedy of a refusal: the first that holds."""
    where = f"in namespace {call.namespace}" if call.namespace else "in the whole cluster"
    allow = f"allow the translator's service account to {call.verb} {call.resource} {where}"
    namespace = f"create the namespace {call.namespace}, or name one that exists"
    cases = (
        (_any(_TOO_LARGE, words) or status == 413, reasons.WORKFLOW_TOO_LARGE, ""),
        (status == 404 and _is_about_namespace(words, told), reasons.NAMESPACE_NOT_FOUND, namespace),
        (status == 404 and _UNKNOWN_KIND in words, reasons.ARGO_NOT_INSTALLED, ""),
        (status == 404, reasons.NOT_FOUND, ""),
        (status == 409, reasons.CONFLICT, ""),
        (status == 403 and _any(_QUOTA, words), reasons.QUOTA_EXCEEDED, ""),
        (status == 403 and _TERMINATING in words, reasons.NAMESPACE_NOT_FOUND, namespace),
        (_any(_ADMISSION, words), reasons.ADMISSION_DENIED, ""),
        (status == 403, reasons.FORBIDDEN, allow),
    )
    for holds, reason, remedy in cases:
        if holds:
            return reason, remedy or reasons.remedy(reason)
    return reasons.INVALID_WORKFLOW, reasons.remedy(reasons.INVALID_WORKFLOW)


def _is_about_namespace(words: str, told: Mapping[str, Any]) -> bool:
    details = told.get("details")
    kind = details.get("kind") if isinstance(details, Mapping) else None
    return kind == "namespaces" or words.startswith("namespaces ")


def _causes(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    details = told.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    return [(str(each.get("field", "")), str(each.get("message", ""))) for each in causes or ()]


def _any(parts: tuple[str, ...], words: str) -> bool:
    return any(part in words for part in parts)


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _seconds(header: str | None, told: Mapping[str, Any]) -> float | None:
    """``Retry-After`` in seconds (the API server never sends a date), else the ``Status``' own field."""
    details = told.get("details")
    given = header or (details.get("retryAfterSeconds") if isinstance(details, Mapping) else None)
    try:
        return float(given) if given else None
    except (TypeError, ValueError):
        return None


def words(error: BaseException) -> str:
    """What a library's error says; its type where it says nothing (a timeout)."""
    return str(error) or type(error).__name__
