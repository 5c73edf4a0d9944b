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
    account: str | None = typer.Option(
        None,
        metavar="NAMESPACE/NAME",
        help="The service account of `translator serve`. Default: argo.serviceAccount.",
    ),
    upgrade: bool = typer.Option(
        False,
        "--upgrade",
        help="From 0.1: let the Workflows' own account report, too, as those of 0.1 that still run need it.",
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
    account = account or settings.argo.service_account
    where, _, name = account.partition("/")
    if not where or not name or "/" in name:
        print(f"rbac: --account {account}: must be NAMESPACE/NAME", file=sys.stderr)
        raise typer.Exit(2)
    print(_text(settings, chosen, where, name, upgrade=upgrade), end="")


_FORMER = """\
  # as Workflows of 0.1 report; take it out once they have ended
  - kind: ServiceAccount
    name: {account}
    namespace: {namespace}
"""


def _text(settings: Settings, namespaces: Sequence[str], where: str, name: str, *, upgrade: bool) -> str:
    from string import Template

    from translator.service.template import templates

    template = Template((templates() / "rbac.yaml").read_text(encoding="utf-8"))
    return "---\n".join(
        template.substitute(
            NAMESPACE=namespace,
            ACCOUNT=name,
            ACCOUNT_NAMESPACE=where,
            EXECUTOR=settings.workflow.executor_service_account,
            FORMER=_FORMER.format(account=settings.workflow.service_account or "default", namespace=namespace)
            if upgrade
            else "",
        )
        for namespace in dict.fromkeys(namespaces)
    )
