"""Documents and submissions for the fuzzer: good ones, changed as a person or a program might change them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]

SEED = ROOT / "tests" / "data" / "seed"
FILES = [
    *(SEED / name for name in ("example.full.yaml", "example.min.yaml")),
    *sorted((ROOT / "tests" / "golden").glob("*.task.yaml")),
    *sorted((ROOT / "templates" / "tasks").glob("*.yaml")),
]
DOCUMENTS = [file.read_text() for file in FILES if file.stat().st_size < 10_000]

TOKENS = (
    *("- ", ": ", ":", "? ", "| ", "|-\n", ">+\n", "[", "]", "{", "}", ",", "\n", "\n  ", "\t", " ", "#"),
    *("'", '"', "&a ", "*a", "<<: ", "!!str ", "!!binary ", "!!set ", "!x ", "%YAML 1.1\n", "---\n", "...\n"),
    *("~", "null", "yes", "010", "0x1f", "1e9", "12:30", ".inf", "-.nan", "2026-01-01", "=", "{{", "}}"),
    *("{{workflow.name}}", "$$", "$(ARGO_", "$(A)", "#!", "#!/usr/bin/env bash -e\n", "codo set-context a=1"),
    *("\r\n", "\r", "\ufeff", "\u00a0", "\u2028", "\x85", "\x00", "\x1b[2J", "\ud800", "名", "🚀", "\u202e"),
    *("a" * 300, "1h", "9" * 40, "1" * 5000),
)
"""What means something to YAML, Argo, Kubernetes, a shell or a terminal, or is hard to encode."""

TEXTS = st.one_of(st.sampled_from(TOKENS), st.text(max_size=12))

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        TEXTS,
        st.sampled_from(["0", "0m", "-1", "1Gi", "1e3", "64Mi", "5s", "/a", "../a", "a-b", "metadata.name"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=10,
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good document whose text was cut, spliced and repeated."""
    text = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        match draw(st.sampled_from(["insert", "delete", "replace", "repeat", "splice"])):
            case "insert":
                text = text[:start] + draw(TEXTS) + text[start:]
            case "delete":
                text = text[:start] + text[end:]
            case "replace":
                text = text[:start] + draw(TEXTS) + text[end:]
            case "repeat":
                text = text[:start] + text[start:end] * draw(st.sampled_from([2, 3, 50])) + text[end:]
            case _:
                other = draw(st.sampled_from(DOCUMENTS))
                text = text[:start] + other[draw(st.integers(0, len(other))) :]
    return text


@st.composite
def restructured(draw: st.DrawFn) -> str:
    """A good document in which some values are others, as YAML or JSON."""
    data = yaml.safe_load(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(data))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.integers(0, 5)) == 0:
            del holder[key]
        else:
            holder[key] = draw(VALUES)
    if draw(st.booleans()):
        return json.dumps(data, ensure_ascii=draw(st.booleans()), default=str)
    return str(
        yaml.safe_dump(
            data, allow_unicode=True, default_flow_style=draw(st.sampled_from([None, True, False]))
        )
    )


def _places(data: Any) -> Any:
    if isinstance(data, dict):
        for key, value in data.items():
            yield data, key
            yield from _places(value)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield data, index
            yield from _places(value)


documents = st.one_of(mutated(), restructured(), restructured())


@st.composite
def submissions(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """taskId, agentId and args."""
    args = {
        "taskYaml": draw(st.one_of(documents, documents, VALUES)),
        "timeout": draw(st.one_of(st.none(), st.integers(-5, 10**7), VALUES)),
        "scriptParams": draw(
            st.one_of(
                st.none(),
                st.dictionaries(TEXTS, TEXTS, max_size=4),
                st.dictionaries(TEXTS, VALUES, max_size=4).map(lambda data: json.dumps(data, default=str)),
                VALUES,
            )
        ),
        "namespace": draw(st.one_of(st.just(""), st.just("jobs"), VALUES)),
    }
    for key in draw(st.sets(st.sampled_from(sorted(args)), max_size=2)):
        del args[key]
    if draw(st.integers(0, 9)) == 0:
        args[draw(TEXTS)] = draw(VALUES)
    task_id, agent_id = (draw(st.one_of(st.just("t1"), TEXTS, VALUES)) for _ in range(2))
    return task_id, agent_id, args if draw(st.integers(0, 30)) else draw(VALUES)


repeated = st.tuples(
    st.sampled_from(
        ["", "taskSpec:\n  displayName: x\n  steps:\n  - {name: a, image: a, script: x}\n", "taskSpec: "]
    ),
    st.lists(TEXTS, min_size=1, max_size=4).map("".join),
    st.sampled_from(["", "\n", "taskSpec: {}\n"]),
)
"""Beginning, what is repeated, and end of a document that is to be read in linear time."""
