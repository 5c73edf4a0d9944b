"""What a task may ask for."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from translator.task.quantity import parse_quantity
from translator.task.schema.volumes import SOURCES
from translator.workflow.policy.images import canonical_registry
from translator.workflow.policy.model import CONTROL_PLANE_LEFT_OUT, IDENTITIES, VOLUME_KINDS


class PolicyGroup(BaseModel):
    """``policy``: what a task may ask for (docs/policy.md says what each key allows)."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    level: Literal["privileged", "baseline", "restricted"] = Field(
        default="baseline", description="of the Pod Security Standards: privileged, baseline or restricted"
    )
    namespaces: list[str] = Field(
        default=["*", "!kube-*"], description="where tasks may run; ! before a pattern takes back"
    )
    registries: list[str] = Field(
        default=["*"], description="from where images may come: registry, or registry/path"
    )
    service_accounts: list[str] = Field(default=["*"], description="what the Workflows' pods may run as")
    service_account_tokens: list[str] = Field(
        default=[], description="the service accounts whose token a task may have"
    )
    volumes: list[str] = Field(
        default=[*VOLUME_KINDS], description="the kinds of volumes that a task may have"
    )
    secrets: list[str] = Field(
        default=["*", "!*.service-account-token"], description="the Secrets that a task may name"
    )
    config_maps: list[str] = Field(default=["*"], description="the ConfigMaps that a task may name")
    priority_classes: list[str] = Field(
        default=["*", "!system-*"], description="the PriorityClasses that a task may name"
    )
    empty_dir_size: str = Field(
        default="20Gi", description="the most that an emptyDir may hold, and what one without a size gets"
    )
    claim_size: str = Field(default="100Gi", description="the most that an ephemeral volume's claim asks for")
    storage_classes: list[str] = Field(
        default=["*"], description="the StorageClasses that an ephemeral volume's claim may name"
    )
    volume_names: list[str] = Field(
        default=[], description="the PersistentVolumes that an ephemeral volume's claim may name"
    )
    claim_annotations: list[str] = Field(
        default=["*", "!*kubernetes.io/*", "!*k8s.io/*"],
        description="the keys of annotations that an ephemeral volume's claim may have",
    )
    tolerations: list[str] = Field(
        default=[*CONTROL_PLANE_LEFT_OUT], description="the keys of the taints that a task may tolerate"
    )
    node_selectors: list[str] = Field(
        default=[*CONTROL_PLANE_LEFT_OUT],
        description="the keys of the labels by which a task may choose nodes",
    )
    max_steps: int = Field(default=1000, ge=1, le=1000, description="steps of one task")
    max_deadline_seconds: int | None = Field(
        default=None, ge=1, description="the longest task deadline; absent: any"
    )
    step_resources: dict[str, str] = Field(
        default={}, description="the most that one step may request or be limited to, by resource"
    )
    task_resources: dict[str, str] = Field(
        default={}, description="the same for all steps that run at one time, by resource"
    )
    run_as_user: int | None = Field(
        default=None, ge=1, description="level restricted: the user of a task that names none"
    )

    @field_validator("registries")
    @classmethod
    def _are_registries(cls, value: list[str]) -> list[str]:
        for pattern in value:
            try:
                canonical_registry(pattern.removeprefix("!").partition("/")[0])
            except ValueError as error:
                raise ValueError(f"{pattern!r} cannot be a registry: {error}") from error
        return value

    @field_validator("step_resources", "task_resources")
    @classmethod
    def _are_quantities(cls, value: dict[str, str]) -> dict[str, str]:
        for name, amount in value.items():
            if parse_quantity(amount) <= 0:
                raise ValueError(f"{name}: {amount} would be no limit: leave it out, or write what is enough")
        return value

    @field_validator("empty_dir_size", "claim_size")
    @classmethod
    def _is_a_size(cls, value: str) -> str:
        if value and parse_quantity(value) <= 0:
            raise ValueError(f"{value} would be no limit: write what is enough, or nothing for any size")
        return value

    @field_validator("volumes")
    @classmethod
    def _are_kinds(cls, value: list[str]) -> list[str]:
        known = (*SOURCES, *IDENTITIES)
        for pattern in value:
            name = pattern.removeprefix("!")
            if not any(fnmatchcase(kind, name) for kind in known):
                near = difflib.get_close_matches(name[:64], known, n=1)
                hint = f"did you mean {near[0]}?" if near else "one of " + ", ".join(VOLUME_KINDS)
                raise ValueError(f"{pattern[:64]!r} is no kind of volume: {hint}")
        return value
