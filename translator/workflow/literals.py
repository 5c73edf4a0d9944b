"""Keeps the user's text what it is, although Argo and Kubernetes change text that they carry.

Argo substitutes ``{{…}}`` anywhere in a Workflow, several times over, and has no escape. It carries templates
in an env variable of its init container, where Kubernetes turns ``$$`` into ``$`` and ``$(VAR)`` into a
value, so scripts suffer that too. Both are seen on real clusters.

- *Data* (scripts, ``scriptParams``) that either would change goes into the ConfigMap ``<workflow>-files``.
- *Expandable text* (env values, command, args) keeps Kubernetes' own ``$(VAR)`` and ``$$``, as it always had;
  only its ``{{`` is split: ``{$(CODO_BRACE)``, which Kubernetes joins again when the container starts.
- *Plain text* (images, paths, affinity, …) that holds ``{{`` is refused: nothing can keep it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from translator.workflow.refusal import Faults

MAX_INLINE_BYTES = 64 * 1024
"""Longer text goes into the ConfigMap."""

MAX_INLINE_SCRIPTS_BYTES = 256 * 1024
"""Where a task's scripts are longer in all, none is inline: a Workflow should stay below about 500 kB."""

MAX_FILES_BYTES = 1024 * 1024
"""Kubernetes' limit of a ConfigMap's data."""

BRACE = "CODO_BRACE"
"""The env variable whose value is one opening brace."""

# An env variable of Argo's init container: ARGO_…, GODEBUG, and Kubernetes' service links.
_VARIABLE_OF_INIT = re.compile(r"\$\((ARGO_|[A-Z0-9_]+\))")
_EXPRESSION = re.compile(r"\$\$|\$\([^)]*\)")
_OPENING = re.compile(r"\$\$|\$\(")
_BRACE_AFTER_BRACE = re.compile(r"(?<=\{)\{")


def changed_by_argo(text: str) -> bool:
    """Whether Argo could substitute in the text."""
    return "{{" in text


def changed_by_kubernetes(text: str) -> bool:
    """Whether Kubernetes could change the text as an env value, in command or in args."""
    return "$$" in text or "$(" in text


def script_must_be_file(script: str) -> bool:
    """Whether a script may not be inline in a Workflow."""
    return (
        changed_by_argo(script)
        or "$$" in script
        or _VARIABLE_OF_INIT.search(script) is not None
        or _too_long(script)
    )


def data_must_be_file(text: str) -> bool:
    """Whether an env value that must arrive unchanged may not be inline."""
    return changed_by_argo(text) or changed_by_kubernetes(text) or _too_long(text)


def expandable_must_be_file(text: str) -> bool:
    """Whether expandable text is too long to be inline (and there is nothing in it to expand)."""
    return _too_long(text) and not changed_by_kubernetes(text)


def split_braces(text: str) -> str:
    """Expandable text without ``{{``, which Kubernetes makes whole again with `BRACE` in the container's env.

    The first brace stays, since a ``$`` before it would make ``$$(CODO_BRACE)`` of it, an escape. A ``$(``
    that is not closed before the brace, such as a shell's ``$(echo {{x}})``, is no variable: it is escaped,
    since the parenthesis of `BRACE` would close it.
    """
    if not changed_by_argo(text):
        return text
    end = text.rfind(")") + 1  # every $( before it is closed, none after it
    kept = _EXPRESSION.sub(_escaped, text[:end]) + _OPENING.sub(_escaped, text[end:])
    return _BRACE_AFTER_BRACE.sub(f"$({BRACE})", kept)


def _escaped(expression: re.Match[str]) -> str:
    """An expression that is no variable, so that Kubernetes leaves it as it is."""
    found = expression[0]
    is_none = found == "$(" or changed_by_argo(found)
    return found.replace("$", "$$") if is_none else found


def uses_brace(text: str) -> bool:
    """Whether the text needs `BRACE` in the container's env."""
    return f"$({BRACE})" in text


def refuse_templated(value: Any, path: str, faults: Faults) -> None:
    """Note a fault for every string in plain text or a structure that Argo would substitute."""
    for where in _templated(value, path):
        faults.add(
            where,
            "Argo would substitute the '{{' in this text",
            "only scripts, env values, command, args and scriptParams may hold '{{'",
            "templated-text",
        )


def _templated(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str):
        if changed_by_argo(value):
            yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _templated(key, f"{path}.{key}")
            yield from _templated(inner, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _templated(inner, f"{path}[{index}]")


def _too_long(text: str) -> bool:
    return len(text) > MAX_INLINE_BYTES or (
        len(text) * 4 > MAX_INLINE_BYTES and size(text) > MAX_INLINE_BYTES
    )


def size(text: str) -> int:
    """The text's length in bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


class Files:
    """The data of the ConfigMap ``<workflow>-files``.

    Args:
        name: the ConfigMap's name.

    Attributes:
        data: the texts by key.
        mounted: whether a step mounts one of them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.data: dict[str, str] = {}
        self.mounted = False

    def add(self, key: str, text: str) -> str:
        """Keep the text under the key, to be mounted as a file, and return the key."""
        self.data[key] = text
        self.mounted = True
        return key

    def add_text(self, text: str) -> str:
        """Keep an env variable's value under a key made from it, so that the same text is kept once."""
        key = f"text-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
        self.data[key] = text
        return key

    def check(self, faults: Faults) -> None:
        """Note a fault where the ConfigMap would be refused."""
        total = sum(size(text) for text in self.data.values())
        if total > MAX_FILES_BYTES:
            faults.add(
                "taskSpec.steps",
                f"the texts that cannot be inline are {total} bytes, over a ConfigMap's 1 MiB",
                "move large data into the images or a volume",
                "too-large",
            )
