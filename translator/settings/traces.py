"""Where traces go."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Traces(BaseModel):
    """``traces``: OpenTelemetry; a trace an attempt, from its submission to its last acknowledgement."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    endpoint: str = Field(
        default="",
        pattern="^(https?://|$)",
        description="where traces go by OTLP over HTTP, such as http://HOST:4318/v1/traces; empty: none",
    )
    ratio: float = Field(default=1.0, ge=0, le=1, description="of the attempts that are traced")
