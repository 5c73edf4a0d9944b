"""Reads ``templates/workflow.yaml``, what every Workflow starts from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from translator.errors import PermanentError

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "templates", _PACKAGE.parent / "templates")
"""In an installed wheel, and in a checkout."""

_OF_A_STEP = re.compile(r"\b(workflow\W{1,4}failures|lastRetry\W{1,4}message)\b")
"""What holds words of a step: a process may write its node's message (``/dev/termination-log``)."""

_ENCODED = re.compile(r"\{\{=\s*sprig\.b64enc\((?:workflow\.failures|lastRetry\.message)\)\s*\}\}")


def templates() -> Path:
    """The folder ``templates/`` that comes with the project."""
    return next((place for place in _PLACES if place.is_dir()), _PLACES[-1])


def load_template(path: Path | None = None) -> Mapping[str, Any]:
    """The template as plain data, checked to be a Workflow's in every field.

    Args:
        path: the file; None: the one that comes with the project.

    Raises:
        PermanentError: it cannot be read, is no Workflow, names a field that Argo does not have, or would let
            Argo evaluate what a step wrote.
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
    for where, name in _evaluated(spec, "spec"):
        # seen on 4.1.2: {{=1+1}} in a step's termination message was 2 in an exit handler's arguments
        message = f"{where}: Argo would evaluate what a step wrote into {name}"
        raise _refusal(file, message, f"write {{{{=sprig.b64enc({name})}}}}, and decode it in the container")


def _evaluated(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where a text takes a step's words as they are, and by which name."""
    if isinstance(value, str):
        if "{{" in value and (found := _OF_A_STEP.search(_ENCODED.sub("", value))):
            yield path, "workflow.failures" if found[1].startswith("workflow") else "lastRetry.message"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _evaluated(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _evaluated(inner, f"{path}[{index}]")


def _refusal(file: Path, message: str, remedy: str = "mend the file") -> PermanentError:
    return PermanentError(f"{file}: {message}", reason="InvalidTemplate", remedy=remedy)
