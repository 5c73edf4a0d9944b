"""From YAML text to a tree of nodes, in one pass over the C parser's events.

Nothing here recurses, so that nesting cannot exhaust a stack; aliases are counted as if they were written out
and never are, so that none can explode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from yaml.error import YAMLError
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from translator.task.document import MAX_BYTES, Columns, joined_pairs
from translator.task.finding import printable
from translator.task.node import MERGE_TAG, SCALAR_TAGS, STR_TAG, Node, scalar_data
from translator.task.path import Path, format_path
from translator.task.problem import Problem, Severity
from translator.task.syntax import syntax_problem

MAX_DEPTH = 64
"""Mappings and sequences inside each other; the deepest field of a pod has about 15."""

MAX_VALUES = 100_000
"""Values in a document with its aliases written out; a task of 1,000 full steps has about 50,000."""

_COLLECTION_TAGS = frozenset(("!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
_resolve: Any = Resolver().resolve


class Unreadable(Exception):  # noqa: N818 - the problem it carries is the error
    """Reading cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Frame:
    node: Node
    anchor: str | None
    key: str | None = None
    key_at: tuple[int, int] = (0, 0)
    key_is: str = ""  # "": a key comes next; "plain", "merge", "bad": its value does


class _Builder:
    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.documents = 0
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Node] = {}
        self.count = 0
        self.chars = 0

    def at(self, mark: Any) -> tuple[int, int]:
        """Line and column of a mark, in the text as it was written."""
        return mark.line + 1, self.columns.written(mark.line, mark.column) + 1

    def path(self) -> Path:
        crumbs: list[str | int] = []
        for frame in self.frames:
            if frame.node.items is not None:
                crumbs.append(len(frame.node.items))
            elif frame.key_is and frame.key is not None:
                crumbs.append(frame.key)
        return tuple(crumbs)

    def report(self, line: int, column: int, message: str, hint: str, code: str, extra: Path = ()) -> None:
        path = format_path(self.path() + extra)
        problem = Problem(Severity.ERROR, path, line, column, printable(message), printable(hint), code)
        self.problems.append(problem)

    def stop(self, mark: Any, message: str, hint: str, code: str) -> Unreadable:
        path = format_path(self.path())
        return Unreadable(
            Problem(Severity.ERROR, path, *self.at(mark), message, hint, code),
        )

    def start(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self.stop(
                event.start_mark,
                "a second document begins here",
                "a taskYaml is one document: remove this --- and what follows",
                "multiple-documents",
            )

    def grow(self, event: Any, count: int, chars: int) -> None:
        self.count += count
        self.chars += chars
        if self.count > MAX_VALUES or self.chars > MAX_BYTES:
            limit = f"{MAX_VALUES} values or {MAX_BYTES} characters, aliases written out"
            raise self.stop(
                event.start_mark,
                f"the document has more than {limit}",
                "use fewer aliases",
                "too-many-values",
            )

    def scalar(self, event: Any) -> None:
        text = event.value
        line, column = self.at(event.start_mark)
        tag = event.tag
        if tag is None or tag == "!":
            plain = event.implicit[0]
            tag = _resolve(ScalarNode, text, (True, False)) if plain else STR_TAG
        elif tag not in SCALAR_TAGS:
            self.report(line, column, f"the tag {tag} is not supported", "remove it", "unsupported-tag")
            tag = STR_TAG
        try:
            data = scalar_data(tag, text)
        except ValueError as error:
            self.report(line, column, str(error), "remove the tag", "unsupported-tag")
            data = text
        if "\0" in text:
            self.report(line, column, "the text holds a NUL character", "remove \\0", "bad-character")
        self.grow(event, 1, len(text))
        node = Node(line, column, data, text, chars=len(text))
        if event.anchor:
            self.anchors[event.anchor] = node
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.node.entries is not None and not frame.key_is:
            self.key(frame, node, tag)
        else:
            self.value(node)

    def key(self, frame: _Frame, node: Node, tag: str) -> None:
        frame.key, frame.key_at, frame.key_is = node.written, (node.line, node.column), "plain"
        frame.node.count += 1
        frame.node.chars += node.chars
        if tag == MERGE_TAG:
            frame.key_is = "merge"
        elif not isinstance(node.data, str):
            message = f"YAML does not read the key {node.written or 'null'} as text"
            self.report(node.line, node.column, message, f'write "{node.written}"', "quote-text")
        first = (
            frame.node.entries.get(frame.key or "")
            if frame.node.entries and frame.key_is == "plain"
            else None
        )
        if first is not None:
            message = f"the key {frame.key} is given twice; first at line {first[0]}, column {first[1]}"
            self.report(node.line, node.column, message, "remove one of the two", "duplicate-key")
            frame.key_is = "bad"

    def open(self, event: Any) -> None:
        mark = event.start_mark
        if len(self.frames) >= MAX_DEPTH:
            raise self.stop(mark, f"more than {MAX_DEPTH} levels of nesting", "nest less deeply", "too-deep")
        self.grow(event, 1, 0)
        node = Node(*self.at(mark))
        if isinstance(event, yaml.MappingStartEvent):
            node.entries, node.data = {}, {}
        else:
            node.items, node.data = [], []
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            message = f"the tag {event.tag} is not supported"
            self.report(node.line, node.column, message, "remove it", "unsupported-tag")
        if event.anchor:
            self.anchors.pop(event.anchor, None)  # until it ends, an alias to it would be a loop
        self.frames.append(_Frame(node, event.anchor))

    def close(self, _: Any) -> None:
        frame = self.frames.pop()
        node = frame.node
        for merged in node.merges:
            for key, entry in (merged.entries or {}).items():
                if node.entries is not None and key not in node.entries:
                    node.entries[key] = entry
                    node.data[key] = entry[2].data
        if frame.anchor:
            self.anchors[frame.anchor] = node
        self.value(node)

    def alias(self, event: Any) -> None:
        mark = event.start_mark
        node = self.anchors.get(event.anchor)
        if node is None:
            within = any(frame.anchor == event.anchor for frame in self.frames)
            message = f"the alias *{event.anchor} " + (
                "stands inside itself" if within else "names no anchor"
            )
            code = "recursive-alias" if within else "unknown-alias"
            self.report(*self.at(mark), message, "write the value out", code)
            node = Node(*self.at(mark))
        self.grow(event, node.count, node.chars)
        frame = self.frames[-1] if self.frames else None
        if (
            frame is not None
            and frame.node.entries is not None
            and not frame.key_is
            and node.written is not None
        ):
            self.key(frame, node, STR_TAG)
        else:
            self.value(node)

    def value(self, node: Node) -> None:
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        holder = frame.node
        holder.count += node.count
        holder.chars += node.chars
        if holder.items is not None:
            holder.items.append(node)
            holder.data.append(node.data)
        elif not frame.key_is:
            self.report(node.line, node.column, "a key must be text", "write a plain word", "bad-key")
            frame.key_is = "bad"
        else:
            self.entry(frame, node)
            frame.key_is = ""

    def entry(self, frame: _Frame, node: Node) -> None:
        holder = frame.node
        if frame.key_is == "plain" and holder.entries is not None and frame.key is not None:
            holder.entries[frame.key] = (*frame.key_at, node)
            holder.data[frame.key] = node.data
        elif frame.key_is == "merge":
            sources = node.items if node.items is not None else [node]
            if any(source.entries is None for source in sources):
                self.report(
                    node.line, node.column, "<< merges mappings only", "write << in quotes", "bad-merge"
                )
            holder.merges += [source for source in sources if source.entries is not None]


def build(text: str) -> tuple[Node | None, list[Problem]]:
    """Read one YAML document.

    Args:
        text: as `translator.task.document.decode` gives it.

    Returns:
        The root, or None where the text cannot be read to its end; and the problems found on the way.
    """
    text, columns = joined_pairs(text)
    builder = _Builder(columns)
    take = {
        yaml.ScalarEvent: builder.scalar,
        yaml.MappingStartEvent: builder.open,
        yaml.SequenceStartEvent: builder.open,
        yaml.MappingEndEvent: builder.close,
        yaml.SequenceEndEvent: builder.close,
        yaml.AliasEvent: builder.alias,
        yaml.DocumentStartEvent: builder.start,
    }
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if taker := take.get(type(event)):
                taker(event)
    except Unreadable as error:
        return None, [*builder.problems, error.problem]
    except YAMLError as error:
        return None, [*builder.problems, syntax_problem(error, text)]
    return builder.root, builder.problems
