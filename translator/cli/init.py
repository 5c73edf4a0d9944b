"""The command ``translator init``: a starter task to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer


def _names(incomplete: str) -> Iterator[tuple[str, str]]:
    from translator.service.starters import starter_tasks

    return ((name, task.about) for name, task in starter_tasks().items() if name.startswith(incomplete))


def init(
    name: str = typer.Argument("", help="A starter task; left out: all are listed.", autocompletion=_names),
    output: Path | None = typer.Option(
        None, "--output", "-o", metavar="FILE", help="Where to; default NAME.yaml; - is standard output."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the file."),
) -> None:
    """Copy a starter task to begin with. Exit code 2: there is none of that name, or the file exists."""
    from translator.service.starters import starter_tasks

    tasks = starter_tasks()
    if not name:
        width = max(map(len, tasks))
        for each, task in tasks.items():
            typer.echo(f"{each:<{width}}  {task.about}")
        return
    if name not in tasks:
        typer.echo(f"init: there is no starter task {name!r}; there are {', '.join(tasks)}", err=True)
        raise typer.Exit(2)
    text = tasks[name].text
    if output == Path("-"):
        typer.echo(text, nl=False)
        return
    file = output or Path(f"{name}.yaml")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        typer.echo(f"init: {file} exists; --force overwrites it, --output names another", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        typer.echo(f"init: {file}: cannot be written: {error.strerror or error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{file}: {tasks[name].about}\nnext: translator run {file}", err=True)
