"""Kubernetes' own structures from the task, as Hera's models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from translator.workflow.literals import refuse_templated
from translator.workflow.refusal import Faults

M = TypeVar("M", bound=BaseModel)


def structure(model: type[M], data: Mapping[str, Any], path: str, faults: Faults) -> M | None:
    """The user's structure as a model: fields that Kubernetes does not know are left out.

    Returns:
        None where the structure is empty or a fault was noted.
    """
    if not data:
        return None
    refuse_templated(data, path, faults)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False):
            faults.add(
                path + "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in detail["loc"]),
                f"Kubernetes would refuse this: {detail['msg'].lower()}",
                f"see Kubernetes' reference of {model.__name__}",
                "bad-structure",
            )
        return None


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
