"""Broken input gives problems at their places, quickly, and never anything else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from translator.task.parse import MAX_PROBLEMS, parse_task
from translator.task.problem import Severity

DATA = Path(__file__).parents[2] / "data"
FULL = (DATA / "seed" / "example.full.yaml").read_text()
STEP = "{name: a, image: alpine, script: echo}"


def cases():
    """``=== name``, then ``! line:column severity code path`` for each problem, then the taskYaml."""
    for part in (DATA / "hostile.txt").read_text().split("=== ")[1:]:
        name, *lines = part.splitlines()
        expected = [line[2:] for line in lines if line.startswith("! ")]
        text = "\n".join(line for line in lines if not line.startswith("! "))
        yield pytest.param(text, expected, id=name.replace(" ", "-"))


def listed(parsed):
    return [f"{p.line}:{p.column} {p.severity} {p.code} {p.path}" for p in parsed.problems]


def only(parsed):
    """The one problem, less what is said about the fields that a short case leaves out."""
    assert parsed.task is None
    problems = [p for p in parsed.problems if p.code != "required"]
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(("text", "expected"), list(cases()))
def test_each_fault_has_its_place_and_code(text, expected):
    parsed = parse_task(text, task_id="t")
    assert parsed.task is None
    found = listed(parsed)
    assert [line for line in found if line in expected] == expected
    assert all(" required " in line for line in found if line not in expected), found


def test_there_are_enough_cases():
    assert len(list(cases())) >= 60


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        pytest.param(b"", "empty-document", 1, 1, id="empty"),
        pytest.param(b"\xef\xbb\xbf", "empty-document", 1, 1, id="only a byte order mark"),
        pytest.param(b"timeout: 10s\ntaskSpec: \xff", "bad-encoding", 2, 11, id="0xff"),
        pytest.param("# 名字\nab: ".encode() + b"\xc3(", "bad-encoding", 2, 5, id="cut sequence"),
        pytest.param("taskSpec: 1".encode("utf-16"), "bad-encoding", 1, 1, id="UTF-16"),
        pytest.param(b"taskSpec:\n  a: b\0", "bad-character", 2, 7, id="NUL"),
        pytest.param(b"taskSpec: \x1b[31m", "bad-character", 1, 11, id="escape"),
        pytest.param("taskSpec: \ud800", "bad-character", 1, 11, id="lone surrogate"),
        pytest.param(b"a" * ((1 << 20) + 1), "too-large", 1, 1, id="over 1 MiB"),
        pytest.param(b"\x80" * 10_000_000, "too-large", 1, 1, id="10 MB"),
        pytest.param("名" * 400_000, "too-large", 1, 1, id="over 1 MiB as UTF-8"),
        pytest.param("[" * 100_000, "too-deep", 1, 65, id="flow sequences"),
        pytest.param("{a: " * 100_000, "too-deep", 1, 257, id="flow mappings"),
        pytest.param("- " * 100_000, "too-deep", 1, 129, id="block sequences"),
        pytest.param("\n".join(" " * n + "a:" for n in range(500)), "too-deep", 65, 65, id="block mappings"),
        pytest.param("? " * 100_000, "too-deep", 1, 129, id="complex keys"),
    ],
)
def test_what_cannot_be_read_is_one_problem(source, code, line, column):
    problem = only(parse_task(source, task_id="t"))
    assert (problem.code, problem.line, problem.column) == (code, line, column)


def bomb(merge: bool):
    lines = ["a0: &a0 {k: v}" if merge else "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 40):
        aliases = ", ".join([f"*a{n - 1}"] * 10)
        lines.append(f"a{n}: &a{n} {{<<: [{aliases}], k{n}: v}}" if merge else f"a{n}: &a{n} [{aliases}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        bomb(merge=False),
        bomb(merge=True),
        "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 20) + "]",
        "a: [" + "1," * 300_000 + "]",
    ],
    ids=["aliases", "merges", "long text", "many values"],
)
def test_nothing_explodes(text):
    started = time.process_time()
    assert parse_task(text, task_id="t").problems[-1].code == "too-many-values"
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"key{n}: 1" for n in range(40_000)),
        "taskSpec:\n  displayName: x\n  steps:\n" + "    - {nam: a, scrpt: b}\n" * 3_000,
        "taskSpec:\n  displayName: x\n  steps:\n" + f"    - {STEP}\n" * 1_001,
        "a: 1\n" * 40_000,
        f"podTemplate:\n  nodeSelector: {{{'x' * 500_000}: {{{'y' * 100_000}: 1}}}}\n",
    ],
    ids=["unknown keys", "broken steps", "too many steps", "duplicate keys", "long keys"],
)
def test_many_faults_are_told_in_bounded_time_and_space(text):
    started = time.process_time()
    problems = parse_task(text, task_id="t").problems
    assert time.process_time() - started < 10
    assert 0 < len(problems) <= MAX_PROBLEMS + 1
    assert sum(len(p.text("f")) for p in problems) < 1_000_000


@pytest.mark.parametrize(("end", "place"), [("", (2, 6)), ("\n", (3, 1))])
def test_what_is_not_closed_at_the_end_has_a_place_in_the_text(end, place):
    """Without a line end the place was on a line that is not there; found by the fuzzer."""
    problem = only(parse_task(f"a: 1\nb: {{c{end}", task_id="t"))
    assert (problem.line, problem.column) == place


def test_what_a_terminal_would_obey_is_escaped():
    problem = only(parse_task('"\\e[31m\\nred": 1', task_id="t"))
    assert problem.text("f").isprintable()


def survives(source):
    parsed = parse_task(source, task_id="t")
    assert (parsed.task is None) == any(p.severity is Severity.ERROR for p in parsed.problems)
    for problem in parsed.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert problem.text("f").isprintable()
        parsed.locate(problem.path)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_input_gives_problems_and_raises_nothing(source):
    survives(source)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, len(FULL)),
    st.integers(0, 40),
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(["null", "~", "[]", "{}", "- ", ": ", "*a", "&a ", "!!binary ", "\t", "\n", "<<: "]),
    ),
)
@example(0, 0, "&a ")
def test_a_mutated_example_raises_nothing(start, length, insert):
    survives(FULL[:start] + insert + FULL[start + length :])


WORDS = [
    "timeout",
    "podTemplate",
    "taskSpec",
    "steps",
    "env",
    "volumes",
    "name",
    "script",
    "tolerations",
    "value",
]
ANYTHING = st.recursive(
    st.sampled_from(["~", "null", "1", "-1.5", "yes", '""', "a", "/a", "2024-01-01", "0o7", "[]", "{}", ""]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["podTemplate", "taskSpec", "computeResources"]), ANYTHING, min_size=1)
)
def test_any_shape_of_data_raises_nothing(document):
    survives("\n".join(f"{key}: {value}" for key, value in document.items()))


@pytest.mark.parametrize(
    ("task", "path"),
    [
        ("timeout: " + "1h" * 200_000, "timeout"),
        (f"taskSpec: {{displayName: {'x' * 4097}}}", "taskSpec.displayName"),
        (f"taskSpec: {{description: {'x' * 65_537}}}", "taskSpec.description"),
        (f"podTemplate: {{schedulerName: {'x' * 4097}}}", "podTemplate.schedulerName"),
    ],
)
def test_a_text_that_is_too_long_is_told_at_once(task, path):
    started = time.process_time()
    found = [p for p in parse_task(task, task_id="t").problems if p.code == "too-long"]
    assert [p.path for p in found] == [path]
    assert time.process_time() - started < 2


def test_a_list_or_mapping_has_a_limit():
    many = ", ".join(f"k{n}: v" for n in range(1001))
    task = f"podTemplate: {{nodeSelector: {{{many}}}, tolerations: [{'{key: a},' * 1001}]}}"
    found = [p.path for p in parse_task(task, task_id="t").problems if p.code == "too-many"]
    assert sorted(found) == ["podTemplate.nodeSelector", "podTemplate.tolerations"]


def test_a_message_quotes_no_more_than_a_few_lines():
    image = "x y" * 1000
    text = f"taskSpec: {{displayName: x, steps: [{{name: a, image: {image}}}]}}"
    problems = parse_task(text, task_id="t").problems
    assert max(len(p.text("f")) for p in problems) < 1500
