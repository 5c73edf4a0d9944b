"""The command ``translator rbac``: the permissions that namespaces need in which tasks run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from translator.settings import Settings


def rbac(
    namespaces: list[str] = typer.Argument(
        None, metavar="[NAMESPACE]...", help="Where tasks run; left out: those of argo.namespaces."
    ),
    config: Path | None = typer.Option(
        None,
        "--config",
        metavar="FILE",
        help="The service's settings: argo.namespaces and the accounts' names.",
    ),
    account: str = typer.Option(
        "translator/translator", metavar="NAMESPACE/NAME", help="The service account of `translator serve`."
    ),
) -> None:
    """Print the Roles, bindings and accounts for each namespace, for kubectl apply -f -."""
    from translator.settings import InvalidSettingsError, load_settings

    given = {"argo": {"namespaces": namespaces}} if namespaces else {}
    try:
        settings = load_settings(config, **given)
    except InvalidSettingsError as error:
        print(f"rbac: {error.message}", file=sys.stderr)
        raise typer.Exit(2) from error
    chosen = settings.argo.namespaces
    if not chosen:
        print(
            "rbac: name the namespaces where tasks run, or a --config with argo.namespaces", file=sys.stderr
        )
        raise typer.Exit(2)
    where, _, name = account.partition("/")
    if not where or not name or "/" in name:
        print(f"rbac: --account {account}: must be NAMESPACE/NAME", file=sys.stderr)
        raise typer.Exit(2)
    print(_text(settings, chosen, where, name), end="")


def _text(settings: Settings, namespaces: Sequence[str], where: str, name: str) -> str:
    from string import Template

    from translator.service.template import templates

    template = Template((templates() / "rbac.yaml").read_text(encoding="utf-8"))
    return "---\n".join(
        template.substitute(
            NAMESPACE=namespace,
            ACCOUNT=name,
            ACCOUNT_NAMESPACE=where,
            EXECUTOR=settings.workflow.executor_service_account,
            WORKFLOW_ACCOUNT=settings.workflow.service_account or "default",
        )
        for namespace in dict.fromkeys(namespaces)
    )
