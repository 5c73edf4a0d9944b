"""How tasks become Workflows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Workflows(BaseModel):
    """``workflow``: how tasks become Workflows (`translator.workflow.options` says what each means)."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    layout: Literal["auto", "dag", "pod"] = Field(
        default="auto",
        description="dag: one pod a step; pod: one for the task; auto: dag, unless steps share an emptyDir",
    )
    codo: Literal["auto", "always", "never"] = Field(
        default="auto", description="when steps get the codo command; auto: when one mentions it"
    )
    start_grace_seconds: int = Field(
        default=300, ge=0, description="what a step may take to start: scheduling, image pull, init"
    )
    storage_class: str = Field(
        default="", description="for volumes that several step pods share; empty: none is configured"
    )
    shared_volume_size: str = Field(default="1Gi", description="what such a volume asks for")
    executor_service_account: str = Field(
        default="executor", description="the account whose token Argo's executor reports with"
    )
    service_account: str = Field(
        default="", description="the service account of tasks that name none; empty: the namespace's default"
    )
    template: Path | None = Field(
        default=None, description="what every Workflow starts from; absent: the built-in one"
    )
