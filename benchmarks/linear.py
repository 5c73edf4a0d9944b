"""Reads taskYamls in which one field is huge, and twice as huge: the time may at most grow by 2.3.

Every text, list and mapping of the schema is filled, each with what is cheap and what is dear to check. What
seems to grow faster is measured again, more often, before it counts. Exit code 1 where something does.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from translator.task.parse import parse_task
from translator.task.schema.task import TASK

MOST = 2.3
SIZE = 60_000
"""Characters of the smaller of two documents, about."""

FILLINGS = ("a", "1h", "a/", "../", "-", "名", "{{", "$(", "#!/bin/sh -e ", "a: ", "\r\n", " ", "0", "a.b-")
LOOKED_AT = ("script", "displayName", "description", "args.0", "command.0", "env.0.value", "Mounts.0.name")
"""Texts that have no rule of their own in the schema; others look at them."""

STEP = {"name": "a", "image": "alpine", "script": "echo"}

Place = tuple[str | int, ...]


def main() -> None:
    """Measure and print what is slowest, and what grows too fast."""
    ratios: list[tuple[float, float, str]] = []
    for name, document in _cases():
        small, large = document(SIZE), document(2 * SIZE)
        ratio, seconds = _ratio(small, large, 1)
        for times in (3, 8, 16):
            if ratio > MOST:
                ratio, seconds = min((ratio, seconds), _ratio(small, large, times))
        ratios.append((ratio, seconds, name))
    too_fast = [each for each in ratios if each[0] > MOST]
    print(f"{len(ratios)} fields and fillings, {SIZE} and {2 * SIZE} characters; at most {MOST}")
    slowest = sorted(ratios, key=lambda each: -each[1])[:5]
    for title, rows in (("slowest", slowest), ("grows", sorted(ratios)[-5:]), ("TOO FAST", too_fast)):
        for ratio, seconds, name in rows:
            print(f"{title:<10}{ratio:>6.2f} x{seconds * 1000:>9.1f} ms  {name}")
    sys.exit(1 if too_fast else 0)


def _ratio(small: str, large: str, times: int) -> tuple[float, float]:
    shorter = longer = float("inf")
    for turn in range(times):
        shorter = min(shorter, _seconds(small + " " * turn))  # another text: one that was read is remembered
        longer = min(longer, _seconds(large + " " * turn))
    # what takes less than a millisecond is not what anybody waits for
    return longer / max(shorter, 0.001), longer


def _seconds(text: str) -> float:
    start = time.process_time()
    parse_task(text, task_id="t", params="")
    return time.process_time() - start


def _cases() -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for place, rules in _fields((), {"schema": TASK, "type": "dict"}):
        if id(rules) in seen:
            continue  # the same rules at another place, such as a label selector
        seen.add(id(rules))
        kinds = [rules["type"]] if isinstance(rules["type"], str) else rules["type"]
        name = ".".join(map(str, place))
        if "string" in kinds:
            # what looks at no text has nothing to be slow at
            for filling in FILLINGS if "check_with" in rules or name.endswith(LOOKED_AT) else FILLINGS[:1]:
                yield f"{name}: {filling!r}", _filled(place, filling)
        if "list" in kinds:
            yield f"{name}: items", _items(place, _item(rules["schema"]))
            yield f"{name}: nulls", _items(place, "null")
        if "dict" in kinds:
            yield f"{name}: keys", _keys(place)
    for filling in ("- ", "[", "{a: ", "&a ", "a: &a [*a]\n", "a:b\n", "? ", "'", '"\\ud83d\\ude80" '):
        yield f"the document: {filling!r}", lambda size, filling=filling: filling * (size // len(filling))


def _fields(place: Place, rules: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    inner = rules.get("schema", {})
    if "list" in rules["type"]:
        yield from _below((*place, 0), inner)
    elif inner:
        for key, below in inner.items():
            yield from _below((*place, key), below)


def _below(place: Place, rules: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    yield place, rules
    yield from _fields(place, rules)


def _filled(place: Place, filling: str) -> Any:
    return lambda size: _document(place, json.dumps((filling * (size // len(filling) + 1))[:size]))


def _items(place: Place, item: str) -> Any:
    return lambda size: _document(place, "[" + ", ".join([item] * (size // (len(item) + 2))) + "]")


def _keys(place: Place) -> Any:
    return lambda size: _document(
        place, "{" + ", ".join(f'"key{n:05}": x{n:05}' for n in range(size // 18)) + "}"
    )


def _item(rules: dict[str, Any]) -> str:
    """An item that looks right as far as its first level goes."""
    if "dict" not in rules["type"]:
        return "abc"
    return "{" + ", ".join(f"{key}: a" for key in [*rules.get("schema", {})][:4]) + "}"


def _document(place: Place, value: str) -> str:
    """A task with a value at a place, as flow-style YAML."""
    task: dict[str, Any] = {"taskSpec": {"displayName": "x", "steps": [dict(STEP)]}}
    here: Any = task
    for key, following in itertools.pairwise(place):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(key, int):
            if not here:
                here.append(empty)
        elif not isinstance(here.get(key), type(empty)):
            here[key] = empty
        here = here[key]
    if isinstance(place[-1], int):
        here[:] = ["@value@"]
    else:
        here[place[-1]] = "@value@"
    return json.dumps(task).replace('"@value@"', value)


if __name__ == "__main__":
    main()
