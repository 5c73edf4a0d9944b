"""Every starter task is valid, and does here what its first line says."""

from __future__ import annotations

from pathlib import Path

import pytest

from translator.engine.local.engine import LocalEngine
from translator.observe.event import Event, Kind, Phase
from translator.service.template import load_template
from translator.service.trial import Trial
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.translate import translate

FILES = sorted((Path(__file__).parents[3] / "templates" / "tasks").glob("*.yaml"))

PARAMS = {"parameters": '{"service": "checkout", "replicas": 3}'}

SAYS = {
    "clean-up-always": ["working", "cleaning up; the work finished"],
    "hello": ["FOO=bar"],
    "limits": ["50005000"],
    "notify-webhook": ["working", 'it would get {"task": "work, then notify", "result": "succeeded"}'],
    "parameters": ["service:  checkout", "replicas: 3"],
    "pass-values": ["version: 1.4.2", "second line, with 'quotes', $ and {{ braces }}"],
    "python-report": ['"python": "3.'],
    "retry-with-backoff": ["it worked at try 1"],
    "share-files": ["3", "line 1", "line 2", "line 3"],
    "wait-until-ready": ["nothing to wait for"],
}
"""What must appear in the log, in this order."""


def test_each_is_checked():
    assert [file.stem for file in FILES] == sorted(SAYS)


@pytest.mark.parametrize(
    ("name", "text"), [(file.stem, file.read_bytes()) for file in FILES], ids=sorted(SAYS)
)
async def test_a_starter_task(name: str, text: bytes, tmp_path: Path):
    parsed = parse_task(text, task_id=name, params=PARAMS.get(name))
    assert parsed.problems == ()
    assert parsed.task is not None
    rendered = translate(parsed.task, attempt=1, options=Options(), template=load_template())
    engine = LocalEngine(root=tmp_path)
    events: list[Event] = []
    await engine.start()
    try:
        phase = await Trial(engine, parsed.task, rendered, events.append).run()
    finally:
        await engine.close()
    lines = [line for event in events if event.kind is Kind.LOG for line in event.body["lines"]]
    assert phase is Phase.SUCCEEDED, lines
    rest = iter(lines)
    assert all(any(said in line for line in rest) for said in SAYS[name]), lines
