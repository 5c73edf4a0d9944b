"""What a task may ask for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from translator.task.quantity import parse_quantity
from translator.workflow.policy.images import canonical_registry
from translator.workflow.policy.model import VOLUME_KINDS


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
        for amount in value.values():
            parse_quantity(amount)
        return value
