"""The document as a tree of values that know their place in the text."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from yaml.constructor import SafeConstructor
from yaml.error import YAMLError
from yaml.nodes import ScalarNode

from translator.task.path import Path

STR_TAG = "tag:yaml.org,2002:str"
_INT_TAG = "tag:yaml.org,2002:int"
_FLOAT_TAG = "tag:yaml.org,2002:float"
_BOOL_TAG = "tag:yaml.org,2002:bool"
_NULL_TAG = "tag:yaml.org,2002:null"
_TIME_TAG = "tag:yaml.org,2002:timestamp"
MERGE_TAG = "tag:yaml.org,2002:merge"
_VALUE_TAG = "tag:yaml.org,2002:value"

SCALAR_TAGS = frozenset(
    (STR_TAG, _INT_TAG, _FLOAT_TAG, _BOOL_TAG, _NULL_TAG, _TIME_TAG, MERGE_TAG, _VALUE_TAG)
)

_construct = SafeConstructor()


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A scalar that YAML 1.1 reads as something that JSON lacks: a date, ``.inf``, a 70-bit number."""

    written: str


class OddInt(int):
    """A whole number that is not written as people write it: ``0644``, ``0x1F``, ``1_000``, ``12:30``.

    YAML 1.1 reads the last one as 750, to the base of 60.

    Attributes:
        written: its text.
    """

    written: str

    @classmethod
    def of(cls, number: int, written: str) -> int:
        """The number; an `OddInt` unless it is written in plain decimal digits."""
        if str(number) == written.removeprefix("+"):
            return number
        odd = cls(number)
        odd.written = written
        return odd


class OddFloat(float):
    """A number with a fraction that is written to the base of 60 (``1:30.5``) or with ``_``.

    Attributes:
        written: its text.
    """

    written: str

    @classmethod
    def of(cls, number: float, written: str) -> float:
        """The number; an `OddFloat` unless it is written as people write it."""
        if not {":", "_"}.intersection(written):
            return number
        odd = cls(number)
        odd.written = written
        return odd


@dataclass(frozen=True, slots=True)
class NullWord:
    """Null that was written out (``null``, ``~``), where an empty value is plain None."""

    written: str


@dataclass(slots=True)
class Node:
    """One value of the document.

    Attributes:
        line: 1-based, of the value's first character.
        column: 1-based, in characters.
        data: the value as plain data.
        written: a scalar's text before YAML gave it a type.
        entries: a mapping's values by key, each with the key's own line and column.
        items: a sequence's values.
        count: how many values this is when aliases are written out.
        chars: how many characters its scalars have when aliases are written out.
    """

    line: int
    column: int
    data: Any = None
    written: str | None = None
    entries: dict[str, tuple[int, int, Node]] | None = None
    items: list[Node] | None = None
    count: int = 1
    chars: int = 0
    merges: list[Node] = field(default_factory=list)

    def find(self, path: Path) -> tuple[Node, int]:
        """The nearest existing ancestor of the path, and how many of the path's crumbs lead to it."""
        node = self
        for depth, crumb in enumerate(path):
            if node.entries is not None and isinstance(crumb, str) and crumb in node.entries:
                node = node.entries[crumb][2]
            elif node.items is not None and isinstance(crumb, int) and crumb < len(node.items):
                node = node.items[crumb]
            else:
                return node, depth
        return node, len(path)

    def place(self, path: Path, *, at_key: bool = False) -> tuple[int, int]:
        """Line and column of the value at the path (or of its key), or of the nearest existing ancestor."""
        if at_key and path and isinstance(path[-1], str):
            parent, depth = self.find(path[:-1])
            if depth == len(path) - 1 and parent.entries is not None and path[-1] in parent.entries:
                line, column, _ = parent.entries[path[-1]]
                return line, column
        node, _ = self.find(path)
        return node.line, node.column


def scalar_data(tag: str, text: str) -> Any:
    """A scalar's value by its tag, as YAML 1.1 has it; `Unquoted` where JSON has no such value.

    Raises:
        ValueError: where the text does not fit an explicit tag, as in ``!!int abc``.
    """
    if tag in (STR_TAG, _VALUE_TAG, MERGE_TAG):
        return text
    if tag == _NULL_TAG:
        return NullWord(text) if text else None
    if tag == _TIME_TAG:
        return Unquoted(text)
    try:
        return _number_or_bool(tag, text)
    except (ValueError, KeyError, IndexError, OverflowError, YAMLError) as error:
        # int() refuses thousands of digits: a number still, only too large
        if tag == _INT_TAG and text.lstrip("+-").isdecimal():
            return Unquoted(text)
        raise ValueError(f"{text[:64]!r} does not fit the tag !!{tag.rpartition(':')[2]}") from error


def _number_or_bool(tag: str, text: str) -> Any:
    node = ScalarNode(tag, text)
    if tag == _BOOL_TAG:
        return _construct.construct_yaml_bool(node)
    if tag == _INT_TAG:
        number = _construct.construct_yaml_int(node)
        return OddInt.of(number, text) if -(1 << 63) <= number < 1 << 63 else Unquoted(text)
    real = _construct.construct_yaml_float(node)
    return OddFloat.of(real, text) if math.isfinite(real) else Unquoted(text)
