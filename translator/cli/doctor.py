"""``translator doctor``: would it work, and if not, why."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from translator.finding import Finding
    from translator.settings import Settings


class Form(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


_SIGNS = {"fine": "ok", "warning": "warning", "fault": "FAULT"}
_COLOURS = {"fine": typer.colors.GREEN, "warning": typer.colors.YELLOW, "fault": typer.colors.RED}


def doctor(
    config: Path | None = typer.Option(
        None, "--config", metavar="FILE", help="The YAML file with the settings."
    ),
    agent_server: str | None = typer.Option(None, metavar="URL", help="As of serve."),
    engine: str | None = typer.Option(None, help="As of serve: local or argo."),
    form: Form = typer.Option(Form.TEXT, "--format", help="text: a line each; json: one array."),
) -> None:
    """Check settings, Redis and its durability, agent-server, the cluster and the permissions there.

    Exit code 0: it would work (warnings do not count); 2: the settings cannot be used; 3: something that is
    needed is not there.
    """
    from translator.service.log import to_stderr
    from translator.settings import InvalidSettingsError, load_settings

    to_stderr()
    try:
        settings = load_settings(config, server_address=agent_server, engine=engine)
    except InvalidSettingsError as error:
        print(f"doctor: {error.message}", file=sys.stderr)
        raise typer.Exit(2) from error

    import asyncio

    findings = asyncio.run(_examine(settings, live=form is Form.TEXT))
    if form is Form.JSON:
        import json

        print(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=2))
    if any(finding.verdict == "fault" for finding in findings):
        raise typer.Exit(3)


async def _examine(settings: Settings, *, live: bool) -> list[Finding]:
    from translator.service.doctor.examination import examine

    findings = []
    async for finding in examine(settings):
        findings.append(finding)
        if live:
            _print(finding)
    return findings


def _print(finding: Finding) -> None:
    sign = f"{_SIGNS[finding.verdict]:<7}"
    if sys.stdout.isatty():
        sign = typer.style(sign, fg=_COLOURS[finding.verdict])
    print(f"{sign}  {finding.about}: {finding.message}", flush=True)
    if finding.remedy:
        print(f"         {finding.remedy}", flush=True)
