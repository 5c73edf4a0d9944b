"""What a translation depends on besides the task: plain data that settings or a test fill in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from translator.workflow.policy.model import DEFAULT_POLICY, Policy
from translator.workflow.secret_params import SECRET_PARAMS


@dataclass(frozen=True, slots=True)
class Options:
    """The translator's own choices.

    Attributes:
        layout: ``dag`` is one pod a step; ``pod`` is one pod for the task; ``auto`` is ``dag`` unless steps
            share an emptyDir.
        codo: when the ``codo`` command is put on the steps' PATH (auto: when a step mentions it).
        start_grace_s: seconds that a step may take to start (scheduling, image pull, init).
        storage_class: for volumes that several step pods share; empty: none is configured.
        shared_volume_size: Kubernetes quantity that such a volume asks for.
        executor_service_account: the account whose token Argo's executor reports with.
        service_account: of the pods of a task that names none; empty: the namespace's default.
        shards: how many shards tasks are split into (see `translator.workflow.names.shard`).
        standalone: leave out what needs the service (the log finalizer).
        policy: what a task may ask for.
        secret_params: patterns of the names of ``scriptParams`` that are secret.
    """

    layout: Literal["auto", "dag", "pod"] = "auto"
    codo: Literal["auto", "always", "never"] = "auto"
    start_grace_s: int = 300
    storage_class: str = ""
    shared_volume_size: str = "1Gi"
    executor_service_account: str = "executor"
    service_account: str = ""
    shards: int = 64
    standalone: bool = False
    policy: Policy = DEFAULT_POLICY
    secret_params: tuple[str, ...] = SECRET_PARAMS
