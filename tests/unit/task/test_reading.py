"""Documents that are remembered: what is read from one of them is what reading it anew gives."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from translator.service.template import load_template
from translator.task import reading
from translator.task.parse import parse_task
from translator.task.reading import MAX_RECENT, read
from translator.workflow.options import Options
from translator.workflow.refusal import Untranslatable
from translator.workflow.translate import translate

TESTS = Path(__file__).parents[2]
DOCUMENTS = [*sorted((TESTS / "data/seed").glob("*.yaml")), *sorted((TESTS / "golden").glob("*.task.yaml"))]
SMALL = "taskSpec:\n  displayName: d\n  steps:\n  - {name: a, image: i, script: 'true'}\n"


@pytest.fixture(autouse=True)
def none_yet():
    reading._recent.clear()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_nobody_changes_a_document_that_others_share(path):
    text = path.read_text()
    document = read(text)
    before = copy.deepcopy(document)
    for layout in ("dag", "pod"):
        parsed = parse_task(text, task_id="t", params={"a": "1"})
        if parsed.task is not None:
            try:
                translate(parsed.task, attempt=1, options=Options(layout=layout), template=load_template())
            except Untranslatable as error:
                parsed.place(error.faults[0].path, "", "", "")
    assert document == before


def test_the_same_text_is_read_once_and_whoever_submits_it_gets_a_task_of_his_own():
    assert read(SMALL) is read(SMALL)
    one = parse_task(SMALL, task_id="one", params={"a": "1"}).task
    two = parse_task(SMALL, task_id="two", timeout=7).task
    assert one is not None
    assert two is not None
    assert (one.task_id, one.params, two.task_id, two.params) == ("one", (("a", "1"),), "two", ())
    assert one.spec_hash != two.spec_hash
    refused = parse_task(SMALL, task_id="", params="[]")
    assert refused.task is None
    assert {problem.path for problem in refused.problems} == {"taskId", "args.scriptParams"}


def test_only_the_last_are_remembered():
    first = read(SMALL)
    for number in range(MAX_RECENT):
        read(f"# {number}\n{SMALL}")
    assert read(SMALL) is not first
    assert len(reading._recent) == MAX_RECENT


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SMALL + "# " + "x" * 300_000, id="long text"),
        pytest.param(SMALL + "x: [" + "1," * 1000 + "1]", id="many values"),
        pytest.param("a: &a [" + "1," * 60 + "1]\nb: &b [" + "*a," * 30 + "*a]", id="many when written out"),
    ],
)
def test_what_is_large_is_not_remembered(text):
    read(text)
    assert not reading._recent
