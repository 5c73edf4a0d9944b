"""The command ``translator schema``: the JSON Schema of a taskYaml."""

from __future__ import annotations

import typer

from translator.cli.explain import Language


def schema(language: Language = typer.Option(Language.EN, help="Of the descriptions: en or zh.")) -> None:
    """Print the JSON Schema of a taskYaml, for editors (docs/quick-start.md says how to use it)."""
    import json

    from translator.task.json_schema import json_schema

    typer.echo(json.dumps(json_schema(language), ensure_ascii=False, indent=2))
