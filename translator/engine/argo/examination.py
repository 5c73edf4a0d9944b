"""What a cluster looks like to the engine before it begins: for `translator doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.executor_token import token_exists
from translator.engine.argo.objects import ARGO, CORE
from translator.engine.argo.permissions import executor_lacks, missing


@dataclass(frozen=True, slots=True)
class Executor:
    """What Argo's executor has in one namespace.

    Attributes:
        token: whether its token is there; None: that cannot be told.
        lacks: what its account may not do; None: that may not be asked.
    """

    token: bool | None
    lacks: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found.

    Attributes:
        kubernetes: the API server's version.
        argo_missing: why Argo's resources are not there; empty: they are.
        missing: by namespace (empty: all), what is not allowed there.
        executors: by namespace, what Argo's executor has there; of all namespaces at once nothing is known.
        gone: why nothing can run in a namespace, by namespace, as far as we may know that it is not there.
    """

    kubernetes: str
    argo_missing: str
    missing: Mapping[str, Sequence[str]]
    executors: Mapping[str, Executor]
    gone: Mapping[str, str]


async def examined(api: ApiServer, namespaces: Sequence[str], executor: str) -> Examined:
    """Look at the cluster.

    Args:
        api: opened.
        namespaces: where tasks run; an empty name: everywhere.
        executor: the account of Argo's executor.

    Raises:
        UnavailableError: the API server cannot be asked now.
        RefusedError: it refuses us altogether.
    """
    version = await api.get(Call("get", "version"), "/version")
    argo_missing = ""
    try:
        await api.get(Call("get", "the resources of argoproj.io/v1alpha1"), ARGO)
    except RefusedError as error:
        if error.status != 404:
            raise
        argo_missing = error.message
    gone = {name: why for name in namespaces if name and (why := await _gone(api, name))}
    chosen = () if argo_missing else [name for name in namespaces if name not in gone]
    allowed = {name: await missing(api, name) for name in chosen}
    executors = {
        name: Executor(await token_exists(api, name, executor), await executor_lacks(api, name, executor))
        for name in filter(None, chosen)
    }
    return Examined(str(version.get("gitVersion", "?")), argo_missing, allowed, executors, gone)


async def _gone(api: ApiServer, namespace: str) -> str:
    """Why nothing can run in a namespace; empty: it is there, or we may not look.

    Permissions say nothing of it: an administrator has them in every namespace, whether it exists or not.
    """
    try:
        found = await api.get(Call("get", "namespaces", "", namespace), f"{CORE}/namespaces/{namespace}")
    except RefusedError as error:
        return f"the namespace {namespace} does not exist" if error.status == 404 else ""
    deleted = found["metadata"].get("deletionTimestamp")
    return f"the namespace {namespace} is being deleted" if deleted else ""
