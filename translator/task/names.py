"""The names that Kubernetes allows, and what steps are called that have others.

The functions with ``fault`` or ``warning`` in their names give what is wrong, with a hint, or None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

Fault = tuple[str, str]
"""A message and a hint."""

STEP_NAMES = "codo.dev/step-names"
"""Annotation of the Workflow: the steps' names by the made ones, as a JSON object, where some are made. Argo
evaluates the annotations of templates, but not these."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_OLD_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_ENV_NAME = re.compile(r"[ -<>-~]+")


def step_name_fault(text: str) -> Fault | None:
    """A step's name: any text of a person that fits on a line."""
    if len(text) > 63:
        return f"a name of {len(text)} characters is too long", "at most 63"
    if not text.isprintable():
        return "a step's name holds a character that cannot be printed", "letters, digits, blanks and marks"
    if text != text.strip():
        return f"the step's name {text!r} begins or ends with a blank", f"write {text.strip()!r}"
    return None


def persons_names(annotations: Mapping[str, str]) -> dict[str, str]:
    """By a step's name in the Workflow, its name in the task, where the two differ (`STEP_NAMES`).

    Nobody but us writes it; one that was edited into something else says nothing.
    """
    try:
        told = json.loads(annotations.get(STEP_NAMES) or "{}")
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {made: name for made, name in told.items() if isinstance(name, str)}


def label_fault(text: str) -> Fault | None:
    """RFC 1123 label: namespace and volume names."""
    if len(text) > 63:
        return f"a name of {len(text)} characters is too long", "at most 63"
    if _LABEL.fullmatch(text):
        return None
    meant = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    hint = f"such as {meant}" if meant else "such as step-1"
    return f"{text!r} is not a name of lower-case letters, digits and inner '-'", hint


def subdomain_fault(text: str) -> Fault | None:
    """RFC 1123 subdomain: names of secrets, classes and claims."""
    if len(text) > 253:
        return f"a name of {len(text)} characters is too long", "at most 253"
    if _SUBDOMAIN.fullmatch(text):
        return None
    return f"{text!r} is not a name of lower-case letters, digits, inner '-' and '.'", ""


def label_value_fault(text: str) -> Fault | None:
    """A label's value; may be empty."""
    if len(text) <= 63 and _LABEL_VALUE.fullmatch(text):
        return None
    return f"{text[:80]!r} is not a label value", "at most 63 letters, digits, inner '-', '_' and '.'"


def qualified_name_fault(text: str) -> Fault | None:
    """A label's key or a resource's name: an optional domain and '/', then a non-empty label value."""
    prefix, slash, name = text.rpartition("/")
    if (
        name
        and len(name) <= 63
        and _LABEL_VALUE.fullmatch(name)
        and (not slash or subdomain_fault(prefix) is None)
    ):
        return None
    return f"{text[:80]!r} is not a qualified name", "such as kubernetes.io/hostname"


def env_name_fault(text: str) -> Fault | None:
    """An environment variable's name: printable ASCII but '=' (KEP-4369, stable since Kubernetes 1.34)."""
    if not text:
        return "a variable needs a name", ""
    if _ENV_NAME.fullmatch(text):
        return None
    return f"{text[:80]!r} is not a variable's name", "printable ASCII characters without '='"


def env_name_warning(text: str) -> Fault | None:
    """What an older Kubernetes has against a name that `env_name_fault` lets pass (KEP-4369)."""
    if not _ENV_NAME.fullmatch(text) or _OLD_ENV_NAME.fullmatch(text):
        return None
    message = f"Kubernetes before 1.32 refuses the variable name {text[:80]!r}"
    return message, "letters, digits, '_', '-' and '.'"
