"""Kubernetes' own structures from the task, as Hera's models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from translator.workflow.literals import refuse_templated
from translator.workflow.refusal import Faults

M = TypeVar("M", bound=BaseModel)

_QUANTITIES = frozenset(("divisor", "limits", "requests", "sizeLimit"))
"""The fields of core/v1 that are quantities, or maps of them."""


def structure(model: type[M], data: Mapping[str, Any], path: str, faults: Faults) -> M | None:
    """The user's structure as a model.

    Notes a fault where Argo would substitute in it, where a type is wrong, and for a field that Hera's
    models of Argo's Workflow do not have: they drop it silently.

    Returns:
        None where the structure is empty or a fault was noted.
    """
    if not data:
        return None
    refuse_templated(data, path, faults)
    given = _with_text_quantities(data)
    try:
        found = model.model_validate(given)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False):
            faults.add(
                path + "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in detail["loc"]),
                f"Kubernetes would refuse this: {detail['msg'].lower()}",
                f"see Kubernetes' reference of {model.__name__}",
                "bad-structure",
            )
        return None
    for where in dropped(given, found.model_dump(exclude_unset=True, by_alias=True)):
        faults.add(
            f"{path}.{where}",
            f"the field {where.rpartition('.')[2]} cannot be passed on to Argo",
            "leave it out: it is unknown, or newer than the oldest Argo that is served",
            "unsupported-field",
        )
    return found


def dropped(given: Any, known: Any) -> Iterator[str]:
    """The paths of what stands in the data given and not in what a model knows of it."""
    if isinstance(given, Mapping) and isinstance(known, Mapping):
        for key, value in given.items():
            if key not in known:
                yield str(key)
                continue
            for inner in dropped(value, known[key]):
                yield f"{key}{inner}" if inner.startswith("[") else f"{key}.{inner}"
    elif isinstance(given, (list, tuple)) and isinstance(known, list):
        for index, (left, right) in enumerate(zip(given, known, strict=True)):
            for inner in dropped(left, right):
                yield f"[{index}]{inner}" if inner.startswith("[") else f"[{index}].{inner}"


def _with_text_quantities(value: Any, *, quantity: bool = False) -> Any:
    """The structure with each quantity as text: Kubernetes takes numbers too, Hera's models do not."""
    if isinstance(value, Mapping):
        return {
            key: _with_text_quantities(inner, quantity=quantity or key in _QUANTITIES)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_with_text_quantities(inner) for inner in value]
    return str(value) if quantity and type(value) in (int, float) else value


def structures(
    model: type[M], items: Sequence[Mapping[str, Any]], path: str, faults: Faults
) -> list[M] | None:
    """The user's list of structures as models; None where it is empty."""
    found = [structure(model, item, f"{path}[{index}]", faults) for index, item in enumerate(items)]
    return [item for item in found if item is not None] or None


def plain(text: str | None, path: str, faults: Faults) -> str | None:
    """The user's text as it is, where Argo would leave it as it is; None where it is empty."""
    refuse_templated(text, path, faults)
    return text or None
