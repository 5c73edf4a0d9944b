"""The command ``translator``. Command modules import what they need when they run, so that help is fast."""

from __future__ import annotations

import typer

from translator import __version__
from translator.cli.cancel import cancel
from translator.cli.demo import demo
from translator.cli.doctor import doctor
from translator.cli.explain import explain
from translator.cli.get import get
from translator.cli.init import init
from translator.cli.list import list_tasks
from translator.cli.logs import logs
from translator.cli.rbac import rbac
from translator.cli.render import render
from translator.cli.replay import replay
from translator.cli.retry import retry
from translator.cli.run import run
from translator.cli.schema import schema
from translator.cli.serve import serve
from translator.cli.stand_in import stand_in
from translator.cli.submit import submit
from translator.cli.uninstall import uninstall
from translator.cli.validate import validate

app = typer.Typer(
    name="translator",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help costs 0.3 s of CPU, more than all the rest
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"translator {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show it."),
) -> None:
    """Run CODO's cloud tasks on Argo Workflows and bring phase, steps and logs back to agent-server."""


app.command("init")(init)
app.command("explain")(explain)
app.command("schema")(schema)
app.command("render")(render)
app.command("validate")(validate)
app.command("run")(run)
app.command("serve")(serve)
app.command("doctor")(doctor)
app.command("rbac")(rbac)
app.command("uninstall")(uninstall)
app.command("stand-in")(stand_in)
app.command("demo")(demo)
app.command("submit")(submit)
app.command("list")(list_tasks)
app.command("get")(get)
app.command("logs")(logs)
app.command("cancel")(cancel)
app.command("retry")(retry)
app.command("replay")(replay)


def main() -> None:
    """Run the command line."""
    app()
