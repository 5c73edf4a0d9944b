"""Argo's ``{{…}}``, as far as our manifests use it; every other form is refused before anything runs.

Known are ``{{inputs.parameters.NAME}}`` in templates, and in a DAG task's arguments
``{{tasks.STEP.outputs.parameters.NAME}}``, the chain
``{{=tasks['STEP'].outputs?.parameters?.NAME ?? … ?? 'text'}}``, which takes the first value that exists, and
``{{=let left = CHAIN; len(left) > N ? 'text' : (left matches 'PATTERN' ? left : 'text')}}``, which hands on
only what fits (`translator.workflow.context`). Argo itself evaluates far more, in several passes over the
JSON of the whole Workflow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from translator.engine.local.refusal import refused
from translator.workflow.codo import PATTERN

Outputs = Mapping[str, Mapping[str, str]]
"""Output parameters by step, then by name; a step that left none is absent, or lacks the name."""

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_INPUT = re.compile(r"\s*inputs\.parameters\.([-\w]+)\s*")
_OUTPUT = re.compile(r"\s*tasks\.([-\w]+)\.outputs\.parameters\.([-\w]+)\s*")
_LINK = re.compile(
    r"""tasks\[(?P<quote>['"])(?P<step>[-\w.]+)(?P=quote)\]\.outputs(?:\?)?\.parameters(?:\?)?\.(?P<name>[-\w]+)"""
)
_HANDOVER = re.compile(
    r"""let left = (?P<chain>.*); len\(left\) > (?P<most>\d+) \? '(?P<over>[^'\\]*)' : """
    r"""\(left matches '(?P<pattern>[^'\\]*)' \? left : '(?P<other>[^'\\]*)'\)""",
    re.DOTALL,
)
_TEXT = re.compile(r"""'(?P<single>[^'\\]*)'|"(?P<double>[^"\\]*)\"""")


def check_inputs(text: str, where: str, declared: Mapping[str, str]) -> None:
    """Refuse a template's text that holds anything but ``{{inputs.parameters.NAME}}`` of a declared name.

    Raises:
        PermanentError: the text holds another tag, or an unclosed one.
    """
    for tag in _tags(text, where):
        match = _INPUT.fullmatch(tag)
        if match is None or match[1] not in declared:
            raise _unknown(tag, where)


def fill_inputs(text: str, inputs: Mapping[str, str]) -> str:
    """A template's text (checked by `check_inputs`) with its inputs."""
    return _TAG.sub(lambda match: inputs[match[1].strip().removeprefix("inputs.parameters.")], text)


def check_argument(text: str, where: str) -> None:
    """Refuse a DAG task's argument that holds a tag of another form than the two known.

    Raises:
        PermanentError: the argument holds another tag, or an unclosed one.
    """
    for tag in _tags(text, where):
        if _OUTPUT.fullmatch(tag) is None:
            _expression(tag, where)


def fill_argument(text: str, outputs: Outputs, where: str) -> str:
    """A DAG task's argument with the values that earlier steps left.

    Raises:
        PermanentError: a plain reference to an output that does not exist (Argo hangs or fails there).
    """

    def value(match: re.Match[str]) -> str:
        plain = _OUTPUT.fullmatch(match[1])
        if plain:
            found = outputs.get(plain[1], {}).get(plain[2])
            if found is None:
                raise refused(
                    where, f"failed to resolve {{{{{match[1]}}}}}: step {plain[1]} left no such output"
                )
            return found
        return _expression(match[1], where)(outputs)

    return _TAG.sub(value, text)


def _tags(text: str, where: str) -> list[str]:
    if "{{" in _TAG.sub("", text):
        raise refused(where, "holds an unclosed {{")
    return _TAG.findall(text)


def _expression(tag: str, where: str) -> Callable[[Outputs], str]:
    """What evaluates a chain, or a handover."""
    if not tag.startswith("="):
        raise _unknown(tag, where)
    handover = _HANDOVER.fullmatch(tag, 1)
    if handover is None:
        return _chain(tag[1:], tag, where)
    if handover["pattern"] != PATTERN:
        raise _unknown(tag, where)
    left, most = _chain(handover["chain"], tag, where), int(handover["most"])

    def handed(outputs: Outputs) -> str:
        value = left(outputs)
        if len(value) > most:
            return handover["over"]
        # fullmatch: Python's $ would let a line end through, Go's does not
        return value if re.fullmatch(PATTERN, value) else handover["other"]

    return handed


def _chain(text: str, tag: str, where: str) -> Callable[[Outputs], str]:
    """What takes the first value of a ``??`` chain that exists, else its last text."""
    links: list[tuple[str, str]] = []
    parts = [part.strip() for part in text.split("??")]
    for part in parts[:-1]:
        link = _LINK.fullmatch(part)
        if link is None:
            raise _unknown(tag, where)
        links.append((link["step"], link["name"]))
    last = _TEXT.fullmatch(parts[-1])
    if last is None:
        raise _unknown(tag, where)
    default = last["single"] if last["single"] is not None else last["double"]

    def first(outputs: Outputs) -> str:
        values = (outputs.get(step, {}).get(name) for step, name in links)
        return next((found for found in values if found is not None), default)

    return first


def _unknown(tag: str, where: str) -> Exception:
    return refused(where, f"holds {{{{{tag}}}}}, which only Argo can evaluate")
