"""docs/settings.md has the row of every setting: key, variable, default, meaning."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from translator.settings import Settings
from translator.settings.keys import key_of

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def rows(model: type[BaseModel], key: str = "", variable: str = "TRANSLATOR_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        here = key + key_of(name)
        types = [t for t in (field.annotation, *typing.get_args(field.annotation)) if isinstance(t, type)]
        group = next((t for t in types if issubclass(t, BaseModel)), None)
        if group is not None:
            yield from rows(group, f"{here}.", f"{variable}{name.upper()}__")
            continue
        default = "" if field.is_required() or field.default in (None, "", ()) else f"`{field.default}`"
        yield f"| `{here}` | `{variable}{name.upper()}` | {default} | {field.description} |"


def test_the_page_has_every_setting_as_it_is():
    page = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert page == list(rows(Settings))
