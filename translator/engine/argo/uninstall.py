"""What an installation has in a cluster beside what was applied by hand, and letting go of it.

That is the finalizer of its Workflows, which keeps their namespace from being deleted, and the ConfigMaps and
Secrets of Workflows that have ended or never came. What belongs to a Workflow that runs goes with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from translator.crash_point import Step
from translator.engine.argo.answers import Call
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import delete_exactly
from translator.engine.argo.listing import holding_of, ours
from translator.engine.argo.objects import ARGO, CORE, collection
from translator.engine.argo.release import release
from translator.observe.observation import Holding
from translator.workflow.names import INSTALLATION, files_name, secrets_name

_STEPS = {"configmaps": Step.DELETE_CONFIGMAP, "secrets": Step.DELETE_SECRET}


@dataclass(frozen=True, slots=True)
class Thing:
    """A ConfigMap or Secret."""

    resource: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Belongings:
    """What one namespace has of the installation, or all namespaces.

    Attributes:
        workflows: with our finalizer.
        things: to be deleted.
        of_others: how many objects name another installation, by its name; "": they name none.
    """

    workflows: list[Holding] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    of_others: Counter[str] = field(default_factory=Counter)

    @property
    def running(self) -> int:
        """How many of the Workflows have not ended."""
        return sum(not each.ended for each in self.workflows)


async def belongings(api: ApiServer, namespaces: Iterable[str], installation: str) -> Belongings:
    """Look for what the installation has; of Secrets only the metadata is asked for.

    Args:
        api: opened.
        namespaces: an empty name: all.
        installation: whose objects these are.

    Raises:
        TemporaryError: the server cannot be asked now.
        PermanentError: it will not tell.
    """
    found = Belongings()
    for namespace in namespaces:
        workflows: dict[tuple[str, str], Holding] = {}
        async for workflow in ours(api, ARGO, "workflows", namespace):
            holding = holding_of(workflow)
            whose = _installation(workflow)
            if holding is None or whose != installation:
                found.of_others[whose] += 1
                continue
            workflows[holding.ref.namespace, holding.ref.name] = holding
            if holding.kept:
                found.workflows.append(holding)
        for resource, suffix in (("configmaps", files_name("")), ("secrets", secrets_name(""))):
            async for thing in ours(api, CORE, resource, namespace):
                metadata = thing["metadata"]
                where, name = metadata["namespace"], metadata["name"]
                of = workflows.get((where, name.removesuffix(suffix)))
                whose = _installation(thing) or (installation if of is not None else "")
                if whose != installation or not name.endswith(suffix):
                    found.of_others[whose] += 1
                elif of is None or of.ended:
                    found.things.append(Thing(resource, where, name, metadata["uid"]))
    return found


async def let_go(api: ApiServer, found: Belongings) -> None:
    """Take the finalizers off and delete the rest, these very objects; raises as `belongings`."""
    for holding in found.workflows:
        await release(api, holding.ref.namespace, holding.ref.name, holding.ref.uid)
    for thing in found.things:
        path = f"{collection(CORE, thing.resource, thing.namespace)}/{thing.name}"
        call = Call("delete", thing.resource, thing.namespace, thing.name)
        await delete_exactly(api, _STEPS[thing.resource], call, path, thing.uid)


def _installation(thing: Mapping[str, Any]) -> str:
    named: str = (thing["metadata"].get("annotations") or {}).get(INSTALLATION, "")
    return named
