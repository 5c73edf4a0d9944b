"""Kubernetes' ``$(VAR)`` and ``$$`` in env values, command and args.

The rule is that of k8s.io/kubernetes/third_party/forked/golang/expansion: ``$(NAME)`` becomes the variable's
value where there is one and stays otherwise; ``$$`` becomes ``$``; a single ``$`` before anything else stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_OPERATOR = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with every reference to a known variable replaced."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else variables.get(name, match[0])

    return _OPERATOR.sub(value, text)
