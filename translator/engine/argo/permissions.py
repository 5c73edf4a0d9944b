"""What the engine must be allowed to do, and whether it is (RBAC).

The API server answers it itself, to everybody, of oneself: ``SelfSubjectAccessReview``
(authorization.k8s.io/v1, allowed by the ClusterRole ``system:basic-user``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from translator.engine.argo.answers import Call
from translator.engine.argo.client import ApiServer

_GROUPS: Mapping[str, str] = {"workflows": "argoproj.io"}
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Permission:
    """Some verbs on one resource of a namespace."""

    resource: str
    verbs: Sequence[str]
    why: str

    @property
    def group(self) -> str:
        """The resource's API group; empty: the core's."""
        return _GROUPS.get(self.resource, "")


NEEDED: Sequence[Permission] = (
    Permission("workflows", ("create", "get", "list", "patch", "watch"), "tasks become Workflows"),
    Permission("pods", ("delete", "get", "list", "patch", "watch"), "steps run in pods"),
    Permission("pods/log", ("get",), "logs are read"),
    Permission("pods/status", ("patch",), "a step that no node takes is ended"),
    Permission("configmaps", ("create", "delete", "get", "list", "patch"), "texts that Argo would change"),
    Permission("secrets", ("create", "delete"), "secret parameters, never read"),
)
"""In every namespace where tasks run; nothing outside of them."""


async def missing(api: ApiServer, namespace: str) -> list[str]:
    """The verbs that are not allowed, as ``verb resource``; empty: everything is.

    Args:
        api: opened.
        namespace: of the tasks; empty: all.

    Raises:
        UnavailableError: the API server cannot be asked now.
        RefusedError: it does not answer such questions.
    """
    return [
        f"{verb} {permission.resource}"
        for permission in NEEDED
        for verb in permission.verbs
        if not await _allowed(api, namespace, verb, permission)
    ]


async def _allowed(api: ApiServer, namespace: str, verb: str, permission: Permission) -> bool:
    resource, _, subresource = permission.resource.partition("/")
    asked = {
        "namespace": namespace,
        "verb": verb,
        "group": permission.group,
        "resource": resource,
        "subresource": subresource,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {name: value for name, value in asked.items() if value}},
    }
    answer = await api.ask(Call("create", "selfsubjectaccessreviews"), _REVIEWS, review)
    return bool((answer.get("status") or {}).get("allowed"))
