"""Every starter task does on a cluster what its first line says."""

from __future__ import annotations

import pytest

from tests.e2e.tasks import REPOSITORY
from tests.e2e.told import Told

FOLDER = REPOSITORY / "templates" / "tasks"

NO_WEBHOOK = 'no webhook given; it would get {"task": "work, then notify", "result": "succeeded"}'

CASES = [
    ("clean-up-always", "", {"clean-up": ["cleaning up; the work finished"]}),
    ("clean-up-always", '{"fail": "yes"}', {"clean-up": ["cleaning up; the work did not finish"]}),
    ("hello", "", {}),
    ("limits", "", {"count": ["50005000"]}),
    ("notify-webhook", "", {"notify": [NO_WEBHOOK]}),
    ("parameters", "", {"show": ["service:  (none given)", "replicas: 1"]}),
    ("parameters", '{"service": "checkout", "replicas": 3}', {"show": ["service:  checkout", "replicas: 3"]}),
    (
        "pass-values",
        "",
        {
            "use": [
                "version: 1.4.2",
                "notes:   first line",
                "second line, with 'quotes', $ and {{ braces }}",
            ]
        },
    ),
    ("python-report", '{"answer": 42}', {}),
    ("retry-with-backoff", "", {"report": ["it worked at try 1"]}),
    ("share-files", "", {"read": ["3", "line 1", "line 2", "line 3"]}),
    ("wait-until-ready", "", {"wait": ["nothing to wait for: pass the parameter url"]}),
]


def case(stem: str, params: str, says: dict[str, list[str]]) -> object:
    text = (FOLDER / f"{stem}.yaml").read_text()
    args = {"scriptParams": params} if params else {}
    return pytest.param(
        says, id=stem + ("-with-params" if params else ""), marks=pytest.mark.scene(text, **args)
    )


def test_each_is_played() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.yaml")) == sorted({stem for stem, _, _ in CASES})


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("says", [case(*one) for one in CASES])
async def test_starter(told: Told, says: dict[str, list[str]]) -> None:
    if any("No module named" in line for line in told.lines.get("report", ())):
        pytest.skip("this cluster's image rocky9.1-python3 has no standard library")
    assert told.ended == ("Succeeded", "")
    assert told.gaps == []
    for step, lines in says.items():
        assert told.lines[step] == lines
