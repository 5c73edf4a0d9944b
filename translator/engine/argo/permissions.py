"""What the engine must be allowed to do, and whether it is (RBAC).

The API server answers it itself, to everybody, of oneself: ``SelfSubjectAccessReview``
(authorization.k8s.io/v1, allowed by the ClusterRole ``system:basic-user``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer

_GROUPS: Mapping[str, str] = {"workflows": "argoproj.io"}
_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
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


async def own_account(api: ApiServer) -> tuple[str, str]:
    """The service account that we are to the API server, as (namespace, name); empty: we are a person.

    Everybody may ask that (``SelfSubjectReview``, by the ClusterRole ``system:basic-user``).

    Raises:
        UnavailableError: the API server cannot be asked now.
    """
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await api.ask(Call("create", "selfsubjectreviews"), _WHO_AM_I, review)
    except RefusedError:
        return "", ""
    user = ((answer.get("status") or {}).get("userInfo") or {}).get("username", "")
    match str(user).split(":"):
        case ["system", "serviceaccount", namespace, name]:
            return namespace, name
    return "", ""


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


REPORTS: Sequence[str] = ("create", "patch")
"""What Argo's executor does to ``workflowtaskresults``."""


async def executor_lacks(api: ApiServer, namespace: str, account: str) -> list[str] | None:
    """What the executor's account may not do, as in `missing`; None: we may not ask about others.

    That takes the right to create ``localsubjectaccessreviews``, which administrators have.

    Raises:
        UnavailableError: the API server cannot be asked now.
    """
    lacks = []
    for verb in REPORTS:
        attributes = {
            "namespace": namespace,
            "verb": verb,
            "group": "argoproj.io",
            "resource": "workflowtaskresults",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{account}",
                "groups": [
                    "system:serviceaccounts",
                    f"system:serviceaccounts:{namespace}",
                    "system:authenticated",
                ],
                "resourceAttributes": attributes,
            },
        }
        path = f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
        try:
            answer = await api.ask(Call("create", "localsubjectaccessreviews", namespace), path, review)
        except RefusedError as error:
            if error.status == 403:
                return None
            raise
        if not (answer.get("status") or {}).get("allowed"):
            lacks.append(f"{verb} workflowtaskresults")
    return lacks


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
