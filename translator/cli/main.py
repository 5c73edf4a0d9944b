"""The command ``translator``. Command modules import what they need when they run, so that help is fast."""

from __future__ import annotations

import typer

from translator import __version__

app = typer.Typer(
    name="translator",
    help="Runs CODO's cloud tasks on Argo Workflows and brings their phase, steps and logs back to agent-server.",
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
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Runs CODO's cloud tasks on Argo Workflows and brings their phase, steps and logs back to agent-server."""


def main() -> None:
    """Run the command line."""
    app()
