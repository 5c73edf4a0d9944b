from __future__ import annotations

import json
from typing import Any

import pytest

from translator.engine.argo.answers import Call, RefusedError, UnavailableError, fault
from translator.errors import PermanentError, TemporaryError
from translator.observe import reasons

CREATE = Call("create", "workflows", "team", "task-x-a1")


def answer(code: int, message: str, **details: Any) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "message": message, "details": details}).encode()


RBAC = (
    'workflows.argoproj.io is forbidden: User "system:serviceaccount:ci:t" cannot create resource '
    '"workflows" in API group "argoproj.io" in the namespace "team"'
)
COUNTED = (
    'workflows.argoproj.io "x" is forbidden: exceeded quota: q, requested: count/workflows.argoproj.io=1, '
    "used: count/workflows.argoproj.io=1, limited: count/workflows.argoproj.io=1"
)
UNLIMITED = 'pods "x" is forbidden: failed quota: q: must specify limits.cpu'
WEBHOOK = 'admission webhook "policy.example.org" denied the request: no root'
POLICY = "workflows \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"
POD_SECURITY = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot'
LEAVING = (
    "workflows is forbidden: unable to create new content in namespace team because it is being terminated"
)

REFUSALS = [
    (403, RBAC, reasons.FORBIDDEN, "create workflows in namespace team"),
    (403, COUNTED, reasons.QUOTA_EXCEEDED, "ResourceQuota"),
    (403, UNLIMITED, reasons.QUOTA_EXCEEDED, "ResourceQuota"),
    (403, WEBHOOK, reasons.ADMISSION_DENIED, "admission policy"),
    (422, POLICY, reasons.ADMISSION_DENIED, "admission policy"),
    (403, POD_SECURITY, reasons.ADMISSION_DENIED, "admission policy"),
    (403, LEAVING, reasons.NAMESPACE_NOT_FOUND, "namespace team"),
    (404, 'namespaces "team" not found', reasons.NAMESPACE_NOT_FOUND, "namespace team"),
    (404, "the server could not find the requested resource", reasons.ARGO_NOT_INSTALLED, "Argo"),
    (404, 'workflows.argoproj.io "x" not found', reasons.NOT_FOUND, ""),
    (409, 'workflows.argoproj.io "x" already exists', reasons.CONFLICT, ""),
    (400, 'strict decoding error: unknown field "spec.foo"', reasons.INVALID_WORKFLOW, ""),
    (422, 'Workflow.argoproj.io "x" is invalid: spec: Required value', reasons.INVALID_WORKFLOW, ""),
    (413, "Request entity too large: limit is 3145728", reasons.WORKFLOW_TOO_LARGE, ""),
    (500, "etcdserver: request is too large", reasons.WORKFLOW_TOO_LARGE, ""),
]


@pytest.mark.parametrize(("code", "message", "reason", "remedy"), REFUSALS)
def test_a_refusal_says_why_and_what_to_do(code: int, message: str, reason: str, remedy: str) -> None:
    error = fault(CREATE, code, answer(code, message))
    assert isinstance(error, RefusedError)
    assert isinstance(error, PermanentError)
    assert (error.status, error.reason) == (code, reason)
    assert error.remedy
    assert remedy in error.remedy
    assert error.message == f"cannot create workflows task-x-a1 in namespace team: {message} (HTTP {code})"


@pytest.mark.parametrize("code", [401, 408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(code: int) -> None:
    error = fault(CREATE, code, b"<html>busy</html>", None)
    assert isinstance(error, UnavailableError)
    assert isinstance(error, TemporaryError)
    assert error.status == code
    assert "<html>busy</html>" in error.message


@pytest.mark.parametrize(
    ("header", "details", "expected"),
    [("7", {}, 7.0), (None, {"retryAfterSeconds": 3}, 3.0), ("soon", {}, None), (None, {}, None)],
)
def test_how_long_the_server_asks_to_wait(header: str | None, details: Any, expected: float | None) -> None:
    error = fault(CREATE, 429, answer(429, "slow", **details), header)
    assert isinstance(error, UnavailableError)
    assert error.retry_after == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b'{"details": 3}'])
def test_any_body_makes_an_error(body: bytes) -> None:
    assert "HTTP 418" in fault(CREATE, 418, body).message


def test_a_missing_permission_in_all_namespaces_says_so() -> None:
    error = fault(Call("watch", "pods"), 403, answer(403, "pods is forbidden"))
    assert isinstance(error, RefusedError)
    assert error.remedy == "allow the translator's service account to watch pods in the whole cluster"
