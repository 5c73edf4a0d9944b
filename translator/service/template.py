"""Reads ``templates/workflow.yaml``, what every Workflow starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from translator.errors import PermanentError

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "templates", _PACKAGE.parent / "templates")
"""In an installed wheel, and in a checkout."""


def templates() -> Path:
    """The folder ``templates/`` that comes with the project."""
    return next((place for place in _PLACES if place.is_dir()), _PLACES[-1])


def load_template(path: Path | None = None) -> Mapping[str, Any]:
    """The template as plain data, checked to be a Workflow's in every field.

    Args:
        path: the file; None: the one that comes with the project.

    Raises:
        PermanentError: it cannot be read, is no Workflow, or names a field that Argo does not have.
    """
    file = path or templates() / "workflow.yaml"
    try:
        data = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise _refusal(file, f"cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("kind") != "Workflow":
        raise _refusal(file, "is no Workflow")
    _check(file, data)
    return data


def _check(file: Path, data: Mapping[str, Any]) -> None:
    # Hera takes long to import, and only those who translate come here.
    from hera.workflows.models import Workflow  # noqa: PLC0415  # see above
    from pydantic import ValidationError  # noqa: PLC0415  # comes with Hera

    from translator.workflow.structure import dropped  # noqa: PLC0415  # loads Hera

    spec = data.get("spec") or {}
    try:
        known = Workflow.model_validate({**data, "metadata": data.get("metadata") or {}, "spec": spec})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _refusal(file, f"{where}: {first['msg']}") from error
    unknown = next(dropped(data, known.model_dump(exclude_unset=True, by_alias=True)), None)
    if unknown is not None:
        raise _refusal(file, f"{unknown}: Argo's Workflow has no such field")


def _refusal(file: Path, message: str) -> PermanentError:
    return PermanentError(f"{file}: {message}", reason="InvalidTemplate", remedy="mend the file")
