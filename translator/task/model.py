"""A task as the rest of the project sees it: checked, with every default that does not depend on settings.

Kubernetes' own structures (affinity, volumes, securityContext, …) stay plain mappings: they have been checked
and cleaned of "not set" entries, and go into the Workflow as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = Mapping[str, Any]
"""A Kubernetes structure as plain JSON data."""

DEFAULT_STEP_TIMEOUT_NS = 60 * 60 * 1_000_000_000
"""60 minutes, the seed's default of a step's timeout, in nanoseconds."""

DEFAULT_TASK_TIMEOUT_S = 600
"""600 s, the seed's default of a task's timeout, where neither ``args.timeout`` nor ``timeout`` is given."""


@dataclass(frozen=True, slots=True)
class Resources:
    """``computeResources``: Kubernetes quantities by resource name."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Exactly one of `script` and `command` is set; `args` are the script's where that is set.

    Attributes:
        env: Kubernetes EnvVar mappings, in order.
        timeout_ns: nanoseconds, from the start of the user's process.
        timeout_given: whether the task states the timeout (a step that does cannot share a pod).
        on_error_continue: ``onError: continue``.
    """

    name: str
    image: str
    script: str | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[Manifest, ...] = ()
    timeout_ns: int = DEFAULT_STEP_TIMEOUT_NS
    timeout_given: bool = False
    on_error_continue: bool = False
    image_pull_policy: str | None = None
    compute_resources: Resources = field(default_factory=Resources)
    working_dir: str | None = None
    security_context: Manifest = field(default_factory=dict)
    volume_mounts: tuple[Manifest, ...] = ()


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """``podTemplate``, without the entries that mean "not set". None: the task does not say."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    env: tuple[Manifest, ...] = ()
    tolerations: tuple[Manifest, ...] = ()
    affinity: Manifest = field(default_factory=dict)
    security_context: Manifest = field(default_factory=dict)
    volumes: tuple[Manifest, ...] = ()
    runtime_class_name: str | None = None
    automount_service_account_token: bool | None = None
    service_account_name: str | None = None
    dns_policy: str | None = None
    dns_config: Manifest = field(default_factory=dict)
    enable_service_links: bool | None = None
    priority_class_name: str | None = None
    scheduler_name: str | None = None
    image_pull_secrets: tuple[Manifest, ...] = ()
    host_aliases: tuple[Manifest, ...] = ()
    host_network: bool | None = None
    topology_spread_constraints: tuple[Manifest, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A whole submission, checked.

    Attributes:
        task_id: unique, any text that agent-server chose.
        agent_id: the agent that agent-server addressed.
        namespace: where the Workflow runs.
        params: ``scriptParams`` as (name, text), in the order given, without the ``codo_`` prefix.
        args_timeout_s: ``args.timeout`` in seconds, if given.
        timeout_ns: taskYaml's ``timeout`` in nanoseconds, if given.
        volumes: ``taskSpec.volumes``.
        spec_hash: SHA-256 of the submission as it was given: equal hashes, equal content,
            whichever version of the translator read it.
    """

    task_id: str
    agent_id: str
    display_name: str
    steps: tuple[Step, ...]
    namespace: str = "default"
    description: str = ""
    params: tuple[tuple[str, str], ...] = ()
    args_timeout_s: int | None = None
    timeout_ns: int | None = None
    compute_resources: Resources = field(default_factory=Resources)
    pod: PodTemplate = field(default_factory=PodTemplate)
    volumes: tuple[Manifest, ...] = ()
    spec_hash: str = ""

    @property
    def deadline_ns(self) -> int:
        """The task deadline in nanoseconds: the smaller of the two timeouts given, else 600 s."""
        given = [ns for ns in (self.timeout_ns, self._args_timeout_ns) if ns is not None]
        return min(given) if given else DEFAULT_TASK_TIMEOUT_S * 1_000_000_000

    @property
    def _args_timeout_ns(self) -> int | None:
        return None if self.args_timeout_s is None else self.args_timeout_s * 1_000_000_000
