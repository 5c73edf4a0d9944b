"""Kubernetes' resource quantities: ``500m``, ``128Mi``, ``0.5``, ``1e3``."""

from __future__ import annotations

import re
from fractions import Fraction

_QUANTITY = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([eE])([+-]?[0-9]{1,3})|([a-zA-Z]*))")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_MEANT = {
    "kb": "Ki", "kib": "Ki", "ki": "Ki",
    "mb": "Mi", "mib": "Mi", "mi": "Mi",
    "g": "Gi", "gb": "Gi", "gib": "Gi", "gi": "Gi",
    "tb": "Ti", "tib": "Ti", "ti": "Ti", "t": "Ti",
    "c": "", "core": "", "cores": "", "cpu": "", "b": "",
}  # fmt: skip


NODE_RESOURCES = ("cpu", "memory", "ephemeral-storage")
"""What a container without a limit takes as much of as its node has; of any other resource it gets none."""


def parse_quantity(text: str) -> Fraction:
    """Read a quantity by the grammar of Kubernetes' ``resource.Quantity``.

    Returns:
        The exact amount, in the resource's own unit (cores, bytes).

    Raises:
        ValueError: with a sentence, where the text is no quantity.
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= 64 else None
    if match is None or not (match[3] or match[5] in _DECIMAL or match[5] in _BINARY):
        raise ValueError(f"{text[:64]!r} is not a quantity")
    number = Fraction(match[2] + "0" if match[2].endswith(".") else match[2])
    if match[3]:
        factor = Fraction(10) ** int(match[4])
    elif match[5] in _DECIMAL:
        factor = Fraction(10) ** _DECIMAL[match[5]]
    else:
        factor = Fraction(2) ** _BINARY[match[5]]
    return number * factor * (-1 if match[1] == "-" else 1)


def is_zero(amount: object) -> bool:
    """Whether it is a quantity of nothing: ``0``, ``0m``, ``0.0Gi``."""
    try:
        return isinstance(amount, (str, int, float)) and parse_quantity(str(amount)) == 0
    except ValueError:
        return False


def limits_nothing(resource: str, amount: object) -> bool:
    """Whether a limit is none: Kubernetes runs a container whose limit of cpu is zero without one."""
    return resource in NODE_RESOURCES and is_zero(amount)


def nearest_quantity(text: str) -> str:
    """The quantity that was probably meant (``512MB`` → ``512Mi``), or an empty string."""
    match = re.fullmatch(r"([0-9.]+) *([a-zA-Z]+)", text.strip()[:64])
    suffix = _MEANT.get(match[2].lower()) if match else None
    if match is None or suffix is None:
        return ""
    return match[1] + suffix
