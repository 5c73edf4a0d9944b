"""Values that go from step to step with codo, and text that Argo or Kubernetes would change."""

from __future__ import annotations

import json

import pytest

from tests.e2e.tasks import PYTHON, task
from tests.e2e.told import Told

pytestmark = pytest.mark.asyncio(loop_scope="session")
scene = pytest.mark.scene

HOSTILE = "{{workflow.name}} {{=1+1}} {{inputs.parameters.x}} $$ $(HOME) %s \\n \"q\" 'a' café 中文 {{="
"""Argo substitutes, evaluates or refuses some of it; Kubernetes changes more."""

SHOW = "#!/bin/python3.9\nimport os, sys\n"


@scene(
    task(
        {"script": "codo set-context a=one; exit 3", "onError": "continue"},
        {"script": "codo set-context b=two; sleep 60", "timeout": "3s", "onError": "continue"},
        {"script": "echo silent", "onError": "continue"},
        {"image": "library/nonexist:1", "script": "true", "timeout": "1s", "onError": "continue"},
        "codo set-context a=again; for k in a b; do codo get-context $k; done",
        "for k in a b; do codo get-context $k; done; codo get-context none || echo none",
    )
)
async def test_values_survive_steps_that_fail_time_out_and_never_start(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert [step["phase"] for step in told.final["steps"]] == [
        "Failed",
        "Failed",
        "Succeeded",
        "Failed",
        "Succeeded",
        "Succeeded",
    ]
    assert told.lines["s5"] == ["again", "two"]
    assert told.lines["s6"][:2] == ["again", "two"]


@scene(
    task(
        'codo set-context "v=$codo_v"',
        {"image": PYTHON, "script": f"{SHOW}os.execvp('codo', ['codo', 'get-context', 'v'])"},
    ),
    scriptParams=json.dumps({"v": HOSTILE + "\nsecond line\n\n"}),
)
async def test_a_value_is_the_same_byte_for_byte(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines["s2"][:2] == [HOSTILE, "second line"]


@scene(
    task(
        f"cat <<'END'\n{HOSTILE}\nraw $$ dollars $$$$ $(ARGO_POD_NAME) $$(ARGO_POD_NAME)\nEND\n",
        {"image": PYTHON, "script": f"{SHOW}print({json.dumps(HOSTILE)})"},
        {
            "image": PYTHON,
            "script": SHOW + "print(os.environ['V'], os.environ['codo_p'], sep='\\n')",
            "env": [{"name": "V", "value": "{{workflow.name}} {{=1+1}} {{=("}],
        },
        {"command": ["printf", "%s\\n"], "args": ["{{workflow.name}}", "{{=1+1}}", "{{=("]},
    ),
    scriptParams=json.dumps({"p": HOSTILE}),
)
async def test_literals_are_the_same_byte_for_byte(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines == {
        "s1": [HOSTILE, "raw $$ dollars $$$$ $(ARGO_POD_NAME) $$(ARGO_POD_NAME)"],
        "s2": [HOSTILE],
        "s3": ["{{workflow.name}} {{=1+1}} {{=(", HOSTILE],
        "s4": ["{{workflow.name}}", "{{=1+1}}", "{{=("],
    }


SHARED = {"volumes": [{"name": "work", "emptyDir": {}}]}
MOUNTED = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}


@scene(
    task(
        {
            **MOUNTED,
            "script": f"cat > /work/v <<'END'\n{HOSTILE}\nEND\ncodo set-context \"v=$(cat /work/v)\"",
        },
        {**MOUNTED, "script": "codo get-context v; printf '%s\\n' \"$codo_p\""},
        spec=SHARED,
    ),
    scriptParams=json.dumps({"p": HOSTILE}),
)
async def test_one_pod_keeps_them_too(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"s2": [HOSTILE, HOSTILE]}


@scene(
    task(
        "codo set-context a=1",
        "codo set-context big=$(head -c 20000 /dev/zero | tr '\\0' x) || echo refused $?",
        "echo a is $(codo get-context a)",
    )
)
async def test_a_value_that_is_too_big_is_refused_where_it_is_set(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert any("refused" in line for line in told.lines["s2"])
    assert told.lines["s3"] == ["a is 1"]


@scene(task("#!/bin/sh\n" + ("# " + "x" * 97 + "\n") * 2200 + "echo 'the end {{workflow.name}}'\n"))
async def test_a_script_of_200_kb(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"s1": ["the end {{workflow.name}}"]}


@scene(task(*[f"codo set-context k{n}={n}; codo get-context k{max(1, n - 1)}" for n in range(1, 16)]))
async def test_many_steps(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert [told.lines[f"s{n}"] for n in range(1, 16)] == [[str(max(1, n - 1))] for n in range(1, 16)]


LEFT = {
    "expression": """printf '{{=sprig.repeat(100000000,"a")}}' >$CODO_CONTEXT_FILE""",
    "template": "printf '{{workflow.name}} {{inputs.parameters.context}}' >$CODO_CONTEXT_FILE",
    "nested": "printf '{{={{=1+1}}}} {{{{workflow.name}}}}' >$CODO_CONTEXT_FILE",
    "quotes": """printf '%s' '"}]},{"x":"{{=1+1}}\\' >$CODO_CONTEXT_FILE""",
    "no UTF-8": "printf '\\377\\376\\000\\303' >$CODO_CONTEXT_FILE",
    "a link": "ln -s /var/run/secrets/kubernetes.io/serviceaccount/token $CODO_CONTEXT_FILE",
    "120 kB": "head -c 120000 /dev/zero | tr '\\000' 1 >$CODO_CONTEXT_FILE",
    "1 MB": "head -c 1000000 /dev/zero | tr '\\000' x >$CODO_CONTEXT_FILE",
}
"""What a step may leave in place of a context."""

TAKE = "printf '[%s]\\n' \"$CODO_CONTEXT\"; codo get-context a || echo none\nrm -f $CODO_CONTEXT_FILE\n"
LOST = "codo: the context that an earlier step left is not handed over: "


@scene(
    task(
        *[
            {"script": f"{TAKE}{script}\nexit {number % 2}", "onError": "continue"}
            for number, script in enumerate(LEFT.values(), 1)
        ],
        TAKE + "codo set-context 'a={{=1' 'b=+1}}' 2>/dev/null",
        'echo "$(codo get-context a)$(codo get-context b)"',
    )
)
async def test_argo_evaluates_nothing_that_a_step_left(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    for number, left in enumerate(LEFT, 2):
        over = "B" in left
        why = "it is over 26214 bytes" if over else "it was not written by codo"
        assert sorted(told.lines[f"s{number}"]) == sorted(
            [
                "[!over]" if over else "[!foreign]",
                "none",
                LOST + why,
                'codo: no value for "a" in this task\'s context',
            ]
        ), left
    assert told.lines["s10"] == ["{{=1+1}}"]


@scene(
    task(
        *[
            {**MOUNTED, "script": f"codo get-context a || echo none\n{script}"}
            for script in (LEFT["expression"], "rm $CODO_CONTEXT_FILE\n" + LEFT["1 MB"], "true")
        ],
        spec=SHARED,
    )
)
async def test_neither_does_a_step_in_one_pod_take_it(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    lost = [LOST + why for why in ("it was not written by codo", "it is over 32768 bytes")]
    assert [[line for line in told.lines[name] if line in lost] for name in ("s2", "s3")] == [
        [why] for why in lost
    ]
