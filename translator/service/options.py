"""From the settings to what a translation depends on."""

from __future__ import annotations

import os
from collections.abc import Mapping

from translator.engine.local.concealment import CREDENTIALS
from translator.settings import Settings
from translator.workflow.options import Options
from translator.workflow.policy.model import Policy
from translator.workflow.secret_params import secret_values

SHORTEST_VARIABLE = 8
"""Characters of a variable's value that counts as a secret: a switch such as ``USE_TOKEN=true`` is none."""


def options(settings: Settings) -> Options:
    """What a translation depends on, as the settings have it."""
    chosen = settings.workflow
    return Options(
        layout=chosen.layout,
        codo=chosen.codo,
        start_grace_s=chosen.start_grace_seconds,
        storage_class=chosen.storage_class,
        shared_volume_size=chosen.shared_volume_size,
        executor_service_account=chosen.executor_service_account,
        service_account=chosen.service_account,
        shards=settings.shards,
        policy=_policy(settings),
        secret_params=tuple(settings.secret_params),
    )


def installation_of(settings: Settings) -> str:
    """What marks the objects of this installation in a cluster."""
    return settings.installation or settings.biz_id or "translator"


def own_secrets(settings: Settings, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What no log may show: the service's passwords and tokens, and those among its variables.

    Args:
        settings: all of them.
        environment: the variables of this process; None: ``os.environ``.
    """
    # on a cluster no step sees the variables of this process
    variables = secret_variables(environment) if settings.engine == "local" else ()
    return (*settings.secrets(), *variables)


def secret_variables(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The values of variables that are named like a password or token; short ones are no secrets."""
    variables = os.environ if environment is None else environment
    found = secret_values(variables.items(), CREDENTIALS)
    return tuple(text for text in found if len(text) >= SHORTEST_VARIABLE)


def _policy(settings: Settings) -> Policy:
    chosen = settings.policy
    return Policy(
        level=chosen.level,
        namespaces=tuple(chosen.namespaces),
        registries=tuple(chosen.registries),
        service_accounts=tuple(chosen.service_accounts),
        service_account_tokens=tuple(chosen.service_account_tokens),
        own_accounts=(
            settings.workflow.executor_service_account,
            settings.argo.service_account.partition("/")[2],
        ),
        volumes=tuple(chosen.volumes),
        secrets=tuple(chosen.secrets),
        config_maps=tuple(chosen.config_maps),
        priority_classes=tuple(chosen.priority_classes),
        empty_dir_size=chosen.empty_dir_size,
        claim_size=chosen.claim_size,
        storage_classes=tuple(chosen.storage_classes),
        volume_names=tuple(chosen.volume_names),
        claim_annotations=tuple(chosen.claim_annotations),
        tolerations=tuple(chosen.tolerations),
        node_selectors=tuple(chosen.node_selectors),
        max_steps=chosen.max_steps,
        max_deadline_s=chosen.max_deadline_seconds,
        step_resources=chosen.step_resources,
        task_resources=chosen.task_resources,
        run_as_user=chosen.run_as_user,
    )
