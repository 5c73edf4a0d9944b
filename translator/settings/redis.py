"""Which Redis keeps tasks and events."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from translator.store.address import parse_address


class Redis(BaseModel):
    """``redisConfig``: the Redis that keeps tasks and events."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    addr: str = Field(
        min_length=1,
        repr=False,
        description="host:port, or redis://, rediss://, unix://, redis+sentinel://, redis+cluster:// "
        "(docs/reliability.md)",
    )
    username: str = Field(default="", description="empty: the default user")
    password: str = Field(default="", repr=False, description="empty: none")
    db: int = Field(default=0, ge=0, description="the database's number")
    sentinel_password: str = Field(default="", repr=False, description="of the Sentinels; empty: none")
    ca_file: Path | None = Field(
        default=None, description="what TLS certificates are checked against; absent: the system's"
    )
    wait_replicas: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Redis replicas that must hold a transaction before it counts (WAIT); 0: none",
    )

    @field_validator("addr")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parse_address(value)
        return value
