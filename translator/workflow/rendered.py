"""The objects of one attempt, as they go to an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HIDDEN = "***"
"""Shown for a secret value."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a task becomes.

    Attributes:
        workflow: the Argo Workflow, plain JSON data.
        files: the ConfigMap ``<workflow>-files`` with text that may not be inline, or None where there
            is none. Created first; the Workflow becomes its owner.
        secrets: the Secret ``<workflow>-secrets`` with the secret parameters, or None where there is none.
            Created after the ConfigMap, which is there too and owns it until the Workflow does.
    """

    workflow: Mapping[str, Any]
    files: Mapping[str, Any] | None = None
    secrets: Mapping[str, Any] | None = field(default=None, repr=False)

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
        """All objects, in the order in which they are created, as people may see them: no secret values."""
        secrets = self.secrets
        if secrets is not None:
            secrets = {**secrets, "stringData": dict.fromkeys(secrets["stringData"], HIDDEN)}
        return [each for each in (self.files, secrets, self.workflow) if each is not None]
