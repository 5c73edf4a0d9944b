"""Reads the settings, and says of each that will not do what is wrong and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from translator.errors import PermanentError
from translator.settings.keys import hint, key_of, place_of
from translator.settings.model import FILE, Settings

_GROUPS: dict[str, type[BaseModel]] = {
    name: kind
    for name, field in Settings.model_fields.items()
    for kind in (field.annotation, *get_args(field.annotation))
    if isinstance(kind, type) and issubclass(kind, BaseModel)
}
"""The settings that have settings of their own."""


class InvalidSettingsError(PermanentError):
    """The settings cannot be used; the message says every reason, one a line."""


def load_settings(file: Path | None = None, **options: Any) -> Settings:
    """Read the settings.

    Args:
        file: the YAML file, if there is one.
        options: what the command line says, by field name; None: it does not say.

    Raises:
        InvalidSettingsError: the file cannot be read, a key is not known, or a value will not do.
    """
    where = str(file) if file else "settings"
    data = _renamed(Settings, _read(file), where, "") if file else {}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    given[FILE] = data
    try:
        return Settings(**given)
    except ValidationError as e:
        raise _invalid([f"{where}: {place_of(error['loc'])}: {error['msg']}" for error in e.errors()]) from e


def _read(file: Path) -> Mapping[str, Any]:
    try:
        data = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as e:
        raise _invalid([f"{file}: {e}"]) from e
    if data is not None and not isinstance(data, Mapping):
        raise _invalid([f"{file}: must be a mapping of settings, not {type(data).__name__}"])
    return data or {}


def _renamed(model: type[BaseModel], data: Mapping[Any, Any], where: str, path: str) -> dict[str, Any]:
    """The data under the fields' own names; groups too."""
    names = {key_of(name): name for name in model.model_fields}
    unknown = [str(key) for key in data if key not in names]
    if unknown:
        raise _invalid([f"{where}: {path}{key}: unknown key{hint(key, names)}" for key in unknown])
    groups: dict[str, type[BaseModel]] = _GROUPS if model is Settings else {}
    renamed: dict[str, Any] = {}
    for key, value in data.items():
        name = names[key]
        if value is None:
            continue  # an empty value means "not set"
        inner = groups.get(name)
        renamed[name] = (
            _renamed(inner, value, where, f"{path}{key}.") if inner and isinstance(value, Mapping) else value
        )
    return renamed


def _invalid(lines: list[str]) -> InvalidSettingsError:
    return InvalidSettingsError(
        "\n".join(lines), reason="InvalidSettings", remedy="correct the settings named"
    )
