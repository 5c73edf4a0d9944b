"""All settings of the service: those that stand alone, and the groups. Variables and options come in here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from translator.settings.argo import Argo
from translator.settings.policy import PolicyGroup
from translator.settings.redis import Redis
from translator.settings.traces import Traces
from translator.settings.workflow import Workflows
from translator.store.address import parse_address
from translator.workflow.secret_params import SECRET_PARAMS

FILE = "_file"
"""Under this name, among the options, comes what stands in the file, by field name."""


class Settings(BaseSettings):
    """All settings of ``translator serve``."""

    model_config = SettingsConfigDict(
        env_prefix="TRANSLATOR_", env_nested_delimiter="__", extra="forbid", coerce_numbers_to_str=True
    )

    server_address: str = Field(default="", description="agent-server's URL")
    biz_id: str = Field(default="", description="the installation's business, told by GET /api/v1/agent/info")
    row_limit: int = Field(
        1000, ge=1, description="log lines in one event and in one request to agent-server"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe messages that are logged: debug, info, warning or error"
    )
    redis: Redis | None = Field(default=None, description="absent: an embedded Valkey")
    workflow: Workflows = Workflows()

    policy: PolicyGroup = PolicyGroup()
    secret_params: list[str] = Field(
        default=[*SECRET_PARAMS],
        description="which scriptParams are secret, by patterns of their names, in capitals or not",
    )

    listen: str = Field(default="127.0.0.1:8080", description="host:port of the API")
    api_token: str = Field(
        default="", repr=False, description="the bearer token that callers of the API must show"
    )
    insecure_api: bool = Field(
        default=False,
        description="true: the API may be reached over the network without a token; false: the service does "
        "not start then",
    )
    allowed_hosts: list[str] = Field(
        default=[],
        description="without apiToken: the names, besides localhost and loopback addresses, that a request "
        "may be sent to (Host) and come from (Origin), as patterns without a port",
    )
    engine: Literal["local", "argo"] = Field(
        default="local", description="local: on this machine, as processes; argo: on a cluster"
    )
    argo: Argo = Argo()
    traces: Traces = Traces()
    data_dir: Path = Field(
        default=Path("~/.local/state/translator"), description="where the embedded Valkey keeps its data"
    )
    agent_server_token: str = Field(
        default="", repr=False, description="the bearer token shown to agent-server"
    )
    events_path: str = Field(
        default="/api/v1/agent/task/events", pattern="^/", description="where events are posted"
    )
    shards: int = Field(
        64, ge=1, le=4096, description="parts that tasks are split into; fixed with the first task"
    )
    replica_name: str = Field(
        default="",
        pattern="^[^ ]*$",
        max_length=200,
        description="of this replica, another for each at the same time and the same after a restart; "
        "empty: the host's name and the port of listen",
    )
    lease_seconds: float = Field(
        default=15.0,
        ge=0.5,
        le=3600,
        description="after so long the shards of a replica that has gone are taken by the others",
    )
    local_grace_seconds: float = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="with engine local: how long processes go on after a lease that cannot be renewed has "
        "ended; the same for all replicas",
    )
    keep_finished_seconds: int = Field(
        default=86400, ge=0, description="how long a finished task is remembered"
    )
    keep_log_bytes: int = Field(
        default=16 * 1024 * 1024, ge=0, description="log kept of one task that agent-server holds already"
    )
    spill_log_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=4 * 1024 * 1024,
        description="log kept of one task while agent-server is away",
    )
    all_log_bytes: int = Field(default=1024 * 1024 * 1024, ge=0, description="log kept of all tasks together")
    max_connections: int = Field(
        default=1000,
        ge=16,
        description="connections to the API at a time; fewer where the process has few file descriptors",
    )
    max_store_bytes: int = Field(
        default=0,
        ge=0,
        description="bytes of Redis' memory from which on new tasks are refused for now (429); 0: 80 % of "
        "its maxmemory, if it has one",
    )
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="what a request to the API may have"
    )
    max_request_bytes: int = Field(
        default=960_000,
        ge=128 * 1024,
        le=1024 * 1024,
        description="bytes that a request to agent-server may have: no more than it, and each proxy before "
        "it, takes (nginx by default: 1 MiB)",
    )
    call_seconds: float = Field(
        default=60.0, ge=0, description="how long codo/call waits where the caller does not say it"
    )
    linger_seconds: float = Field(
        default=0.01, ge=0, le=10, description="how long an event may wait to share a request with others"
    )
    parallel_submissions: int = Field(
        default=8, ge=1, description="submissions to the engine at the same time"
    )
    parallel_deliveries: int = Field(
        default=16, ge=1, description="requests to agent-server at the same time"
    )
    sweep_seconds: float = Field(default=10.0, gt=0, description="pause between two looks at all open tasks")
    reconcile_seconds: float = Field(
        default=300.0, gt=0, description="pause between two comparisons of Redis with the engine"
    )
    installation: str = Field(
        default="",
        max_length=253,
        description="marks the objects of this installation where several share a cluster; empty: BIZ-ID",
    )
    flush_seconds: float = Field(
        default=5.0,
        ge=0,
        description="time for the last deliveries when the service stops and no other replica can make them",
    )
    termination_grace_seconds: float = Field(
        default=20.0,
        ge=1,
        description="what stopping may take in all; let the pod's terminationGracePeriodSeconds be 10 more",
    )

    def secrets(self) -> tuple[str, ...]:
        """The service's own passwords and tokens, which no log may show."""
        found = [self.api_token, self.agent_server_token]
        found += [
            unquote(urlsplit(url).password or "") for url in (self.server_address, self.traces.endpoint)
        ]
        if self.redis is not None:
            address = parse_address(self.redis.addr)
            found += [self.redis.password, self.redis.sentinel_password, address.password]
        return tuple(dict.fromkeys(text for text in found if text))

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def listen_host(self) -> str:
        """The host of `listen`, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @field_validator("server_address")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not value.lower().startswith(("http://", "https://", "ws://", "wss://")):
            raise ValueError(
                "must be http://HOST:PORT or https://HOST, or ws:// or wss:// with ?clientId=NAME"
            )
        return value

    @field_validator("listen")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _host_and_port(value, "8080")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options over variables over the file."""
        del dotenv_settings, file_secret_settings
        assert isinstance(init_settings, InitSettingsSource)
        given = dict(init_settings.init_kwargs)
        file = given.pop(FILE, {})
        return InitSettingsSource(settings_cls, given), env_settings, InitSettingsSource(settings_cls, file)


def _host_and_port(value: str, default: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        host, port = value, default
    if not host or "/" in host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be HOST:PORT")
    return f"{host}:{port}"
