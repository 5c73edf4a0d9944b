"""The objects of one attempt, as they go to an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a task becomes.

    Attributes:
        workflow: the Argo Workflow, plain JSON data.
        files: the ConfigMap ``<workflow>-files`` with text that may not be inline, or None where there
            is none. Created first; the Workflow becomes its owner.
    """

    workflow: Mapping[str, Any]
    files: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The Workflow's name."""
        name: str = self.workflow["metadata"]["name"]
        return name

    @property
    def namespace(self) -> str:
        """The Workflow's namespace."""
        namespace: str = self.workflow["metadata"]["namespace"]
        return namespace

    def objects(self) -> list[Mapping[str, Any]]:
        """All objects, in the order in which they are created."""
        return [self.workflow] if self.files is None else [self.files, self.workflow]
