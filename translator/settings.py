"""The settings: a YAML file with the seed's names and ours, over it ``TRANSLATOR_…`` variables, then options.

A field's key in the file is its name in camelCase, but for the seed's own five. Its variable is
``TRANSLATOR_`` and the field's name in capitals, with ``__`` before a name inside a group
(``TRANSLATOR_REDIS__ADDR``). A key that is not known is an error. A variable that is not known is none:
Kubernetes itself sets TRANSLATOR_SERVICE_HOST and the like where a Service is called translator.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from translator.errors import PermanentError
from translator.store.address import parse_address
from translator.task.quantity import parse_quantity
from translator.workflow.policy.model import VOLUME_KINDS
from translator.workflow.secret_params import SECRET_PARAMS

_FILE = "_file"

_LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123, as Kubernetes has it for the names of namespaces."""

_SEED_KEYS = {
    "server_address": "SERVER-ADDRESS",
    "biz_id": "BIZ-ID",
    "row_limit": "ROW-LIMIT",
    "log_level": "LOG-LEVEL",
    "redis": "redisConfig",
}


class InvalidSettingsError(PermanentError):
    """The settings cannot be used; the message says every reason, one a line."""


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
        default="executor", description="Argo's executor runs as it where a task's pods mount no token"
    )
    service_account: str = Field(
        default="", description="the Workflows' service account; empty: the namespace's default"
    )
    template: Path | None = Field(
        default=None, description="what every Workflow starts from; absent: the built-in one"
    )


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

    @field_validator("step_resources", "task_resources")
    @classmethod
    def _are_quantities(cls, value: dict[str, str]) -> dict[str, str]:
        for amount in value.values():
            parse_quantity(amount)
        return value


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
    logs_at_once: int = Field(default=200, ge=1, description="container logs read at the same time")
    kill_grace_seconds: float = Field(
        default=60, ge=0, description="from a termination to the deletion of pods that still run"
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


class Traces(BaseModel):
    """``traces``: OpenTelemetry; a trace an attempt, from its submission to its last acknowledgement."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    endpoint: str = Field(
        default="",
        pattern="^(https?://|$)",
        description="where traces go by OTLP over HTTP, such as http://HOST:4318/v1/traces; empty: none",
    )
    ratio: float = Field(default=1.0, ge=0, le=1, description="of the attempts that are traced")


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
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="what a request to the API may have"
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
        description="marks the Workflows of this installation where several share a cluster; empty: BIZ-ID",
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

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

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
        file = given.pop(_FILE, {})
        return InitSettingsSource(settings_cls, given), env_settings, InitSettingsSource(settings_cls, file)


def load_settings(file: Path | None = None, **options: Any) -> Settings:
    """Read the settings.

    Args:
        file: the YAML file, if there is one.
        options: what the command line says, by field name; None: it does not say.

    Raises:
        InvalidSettingsError: the file cannot be read, a key is not known, or a value will not do.
    """
    where = str(file) if file else "settings"
    data = _renamed(Settings, _read(file), where, "") if file else {}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    given[_FILE] = data
    try:
        return Settings(**given)
    except ValidationError as e:
        raise _invalid([f"{where}: {_place(error['loc'])}: {error['msg']}" for error in e.errors()]) from e


def _read(file: Path) -> Mapping[str, Any]:
    try:
        data = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as e:
        raise _invalid([f"{file}: {e}"]) from e
    if data is not None and not isinstance(data, Mapping):
        raise _invalid([f"{file}: must be a mapping of settings, not {type(data).__name__}"])
    return data or {}


def _renamed(model: type[BaseModel], data: Mapping[Any, Any], where: str, path: str) -> dict[str, Any]:
    """The data under the fields' own names; groups too."""
    names = {key_of(name): name for name in model.model_fields}
    unknown = [str(key) for key in data if key not in names]
    if unknown:
        raise _invalid([f"{where}: {path}{key}: unknown key{_hint(key, names)}" for key in unknown])
    groups: dict[str, type[BaseModel]] = _GROUPS if model is Settings else {}
    renamed: dict[str, Any] = {}
    for key, value in data.items():
        name = names[key]
        if value is None:
            continue  # an empty value means "not set"
        inner = groups.get(name)
        renamed[name] = (
            _renamed(inner, value, where, f"{path}{key}.") if inner and isinstance(value, Mapping) else value
        )
    return renamed


_GROUPS: dict[str, type[BaseModel]] = {
    "redis": Redis,
    "workflow": Workflows,
    "policy": PolicyGroup,
    "argo": Argo,
    "traces": Traces,
}


def key_of(name: str) -> str:
    """A field's key in the file."""
    first, *rest = name.split("_")
    return _SEED_KEYS.get(name) or first + "".join(word.capitalize() for word in rest)


def _hint(key: str, known: Mapping[str, str]) -> str:
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(key.lower(), lower, n=1)
    return f" (did you mean {lower[near[0]]}?)" if near else ""


def _place(loc: tuple[int | str, ...]) -> str:
    keys = ".".join(key_of(str(part)) for part in loc)
    return f"{keys} (or TRANSLATOR_{'__'.join(str(part) for part in loc).upper()})"


def _host_and_port(value: str, default: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        host, port = value, default
    if not host or "/" in host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be HOST:PORT")
    return f"{host}:{port}"


def _invalid(lines: list[str]) -> InvalidSettingsError:
    return InvalidSettingsError(
        "\n".join(lines), reason="InvalidSettings", remedy="correct the settings named"
    )
