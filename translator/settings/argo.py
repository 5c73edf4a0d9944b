"""Which cluster runs the Workflows, and how it is used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

_LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123, as Kubernetes has it for the names of namespaces."""


class Argo(BaseModel):
    """``argo``: the cluster that runs Workflows; used with ``engine: argo``."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    kubeconfig: Path | None = Field(
        default=None, description="absent: KUBECONFIG, or the cluster that this pod runs in"
    )
    context: str = Field(default="", description="the kubeconfig's context; empty: its current one")
    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="where tasks may run, the only ones watched (variable: with commas); empty: anywhere",
    )
    service_account: str = Field(
        default="translator/translator",
        pattern="^[^/]+/[^/]+$",
        description="NAMESPACE/NAME of the account of `translator serve`: `rbac` binds it, no task may be it",
    )
    logs_at_once: int = Field(default=200, ge=1, description="container logs read at the same time")
    kill_grace_seconds: float = Field(
        default=60, ge=0, description="from a termination to the deletion of pods that still run"
    )
    unseen_seconds: float = Field(
        default=86400,
        ge=0,
        description="from a task's deadline until a Workflow that nobody has seen end counts as `Unobserved`",
    )
    workflow_url: str = Field(
        default="",
        pattern="^(https?://|$)",
        description="where people watch a Workflow; {namespace}, {name} and {uid} are replaced",
    )

    @field_validator("namespaces", mode="before")
    @classmethod
    def _are_names(cls, value: object) -> object:
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",") if name.strip()]
        for name in value if isinstance(value, list | tuple) else ():
            if not isinstance(name, str) or not _LABEL.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a namespace's name")
        return value
