"""What a cluster looks like to the engine before it begins: for `translator doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import ARGO
from translator.engine.argo.permissions import missing


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found.

    Attributes:
        kubernetes: the API server's version.
        argo_missing: why Argo's resources are not there; empty: they are.
        missing: by namespace (empty: all), what is not allowed there.
    """

    kubernetes: str
    argo_missing: str
    missing: Mapping[str, Sequence[str]]


async def examined(api: ApiServer, namespaces: Iterable[str]) -> Examined:
    """Look at the cluster.

    Args:
        api: opened.
        namespaces: where tasks run; an empty name: everywhere.

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
    allowed = {} if argo_missing else {name: await missing(api, name) for name in namespaces}
    return Examined(str(version.get("gitVersion", "?")), argo_missing, allowed)
