"""What a manifest says beside its scripts: context, mounts, env, layouts; with and without mounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.local.scenario import container, dag, modes, rendered, script, there, watch
from translator.engine.local.engine import LocalEngine
from translator.errors import PermanentError

CODO = """#!/bin/sh
case $1 in
set-context) shift; { cat "$IN" 2>/dev/null; printf '%s;' "$@"; } >"$OUT.new"; mv "$OUT.new" "$OUT";;
get-context) cat "$OUT" 2>/dev/null || printf %s "$CONTEXT";;
esac
"""


@pytest.fixture(params=modes())
def bubblewrap(request: pytest.FixtureRequest) -> bool:
    return request.param


def with_context(template: dict[str, Any], *before: str) -> dict[str, Any]:
    """A step with the context as the translation gives it: input, output, env."""
    chain = " ?? ".join([f"tasks['{step}'].outputs?.parameters?.context" for step in before] + ["''"])
    if before:
        value = "{{=" + chain + "}}"
        template["_arguments"] = {"parameters": [{"name": "context", "value": value}]}
    template["inputs"] = {"parameters": [{"name": "context", "default": ""}]}
    source = {"path": "/codo/context/values", "default": "{{inputs.parameters.context}}"}
    template["outputs"] = {"parameters": [{"name": "context", "valueFrom": source}]}
    body = template.get("script") or template["container"]
    body["env"] = [
        {"name": "OUT", "value": "/codo/context/values"},
        {"name": "CONTEXT", "value": "{{inputs.parameters.context}}"},
    ]
    body["volumeMounts"] = [{"name": "codo-context", "mountPath": "/codo/context"}]
    return template


CONTEXT: dict[str, Any] = {
    "templateDefaults": {
        "inputs": {
            "artifacts": [
                {"name": "codo", "path": "/usr/local/bin/codo", "mode": 0o755, "raw": {"data": CODO}}
            ]
        }
    },
    "volumes": [{"name": "codo-context", "emptyDir": {}}],
}


async def test_values_pass_from_step_to_step(engine: LocalEngine):
    told = await watch(
        engine,
        await engine.submit(
            dag(
                with_context(container("a", ["codo"], ["set-context", "abc=1"])),
                with_context(script("b", "codo get-context"), "a"),
                with_context(script("c", "/usr/bin/env codo get-context"), "b"),
                **CONTEXT,
            )
        ),
    )
    assert told.phase == "Succeeded"
    assert told.lines == {"b": ["abc=1;"], "c": ["abc=1;"]}
    assert told.nodes["a"]["outputs"]["parameters"] == [{"name": "context", "value": "abc=1;"}]


async def test_values_survive_failed_and_timed_out_steps(engine: LocalEngine):
    told = await watch(
        engine,
        await engine.submit(
            dag(
                with_context(script("a", "codo set-context a=1; exit 3", go_on=True)),
                with_context(
                    script("b", "codo set-context $CONTEXT b=2; sleep 60", timeout="500ms", go_on=True), "a"
                ),
                with_context(script("c", "codo get-context"), "b", "a"),
                **CONTEXT,
            )
        ),
    )
    assert told.lines["c"] == ["a=1;;b=2;"]
    assert told.node("b")[2] == "143"


async def test_an_output_that_is_missing_makes_a_success_an_error(engine: LocalEngine):
    template = script("a", "true")
    template["outputs"] = {"parameters": [{"name": "x", "valueFrom": {"path": "/nosuch/folder/x"}}]}
    told = await watch(engine, await engine.submit(dag(template)))
    assert told.node("a") == ("Error", "output parameter x: there is no file /nosuch/folder/x", "0")
    assert told.phase == "Error"


async def test_an_output_outside_of_any_mount(engine: LocalEngine):
    template = script("a", 'echo hi >"$OUT"', env=[{"name": "OUT", "value": "/tmp/codo-output"}])
    template["outputs"] = {"parameters": [{"name": "x", "valueFrom": {"path": "/tmp/codo-output"}}]}
    told = await watch(engine, await engine.submit(dag(template)))
    assert told.nodes["a"]["outputs"]["parameters"] == [{"name": "x", "value": "hi"}]
    assert not there("/tmp/codo-output")


async def test_literal_text_comes_from_the_config_map(engine: LocalEngine):
    text = "#!/bin/sh\nprintf '%s|' '{{workflow.name}} $$ $(ARGO_POD_NAME) \\n' \"$LITERAL\" \"$1\"\n"
    files = {"a.script": text, "text": "{{x}} $$ $(HOME)"}
    body = container(
        "a",
        ["/bin/sh"],
        ["/codo/script", "$(LITERAL)"],
        env=[{"name": "LITERAL", "valueFrom": {"configMapKeyRef": {"name": "wf-files", "key": "text"}}}],
        volumeMounts=[{"name": "files", "mountPath": "/codo/script", "subPath": "a.script"}],
    )
    volumes = [{"name": "files", "configMap": {"name": "wf-files", "defaultMode": 0o755}}]
    told = await watch(engine, await engine.submit(dag(body, volumes=volumes, files=files)))
    expected = "{{workflow.name}} $$ $(ARGO_POD_NAME) \\n|{{x}} $$ $(HOME)|{{x}} $$ $(HOME)|"
    assert told.lines["a"] == [expected]


async def test_kubernetes_expansion(engine: LocalEngine):
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)-$$(A)-$(C)"},
        {"name": "C", "value": "$(B)"},
        {"name": "A", "value": "2"},
    ]
    body = container("a", ["/bin/sh", "-c", "echo '$(B)' \"$0\" $A"], ["$(C)$$"], env=env)
    told = await watch(engine, await engine.submit(dag(body)))
    assert told.lines["a"] == ["1-$(A)-$(C) 1-$(A)-$(C)$ 2"]


async def test_an_empty_dir_is_its_pods_own(engine: LocalEngine):
    mounts = [{"name": "data", "mountPath": "/codo-test-data"}]
    steps = [
        script(name, "ls -A; touch made", workingDir="/codo-test-data", volumeMounts=mounts)
        for name in ("a", "b")
    ]
    told = await watch(engine, await engine.submit(dag(*steps, volumes=[{"name": "data", "emptyDir": {}}])))
    assert told.phase == "Succeeded"
    assert told.lines == {}
    assert not there("/codo-test-data")


async def test_a_claim_is_shared_by_the_steps(engine: LocalEngine):
    mounts = [{"name": "data", "mountPath": "/codo-test-data"}]
    steps = [
        script(name, f"ls -A; touch {name}", workingDir="/codo-test-data/sub", volumeMounts=mounts)
        for name in ("a", "b")
    ]
    claims = [{"metadata": {"name": "data"}, "spec": {}}]
    told = await watch(engine, await engine.submit(dag(*steps, volumeClaimTemplates=claims)))
    assert told.lines == {"b": ["a"]}


async def test_a_script_of_200_kb(engine: LocalEngine):
    source = "".join(f": line {number} {'x' * 80}\n" for number in range(2200)) + "echo done\n"
    assert len(source) > 200_000
    told = await watch(engine, await engine.submit(dag(script("a", source))))
    assert told.lines["a"] == ["done"]


async def test_a_working_directory_that_is_not_there_is_made(engine: LocalEngine):
    told = await watch(
        engine, await engine.submit(dag(script("a", "touch x; ls", workingDir="/codo-none/here")))
    )
    assert told.lines["a"] == ["x"]
    assert not there("/codo-none")


async def test_secrets_of_the_engine_are_not_the_steps(tmp_path: Path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/root", "TRANSLATOR_TOKEN": "secret"}
    one = LocalEngine(root=tmp_path / "runs", environment=environment, bubblewrap=False)
    await one.start()
    told = await watch(one, await one.submit(dag(script("a", "env | cut -d= -f1 | sort"))))
    await one.close()
    assert set(told.lines["a"]) <= {"HOME", "PATH", "PWD", "TMPDIR", "SHLVL", "OLDPWD", "_"}


def containers(*nodes: dict[str, Any], files: dict[str, str] | None = None, **template: Any) -> Any:
    """A Workflow of layout ``pod``."""
    chained = []
    for node in nodes:
        before = {"dependencies": [chained[-1]["name"]]} if chained else {}
        chained.append({"image": "alpine", **node, **before})
    spec = {
        "entrypoint": "task",
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "files", "configMap": {"name": "wf-files"}}],
        "templates": [{"name": "task", "containerSet": {"containers": chained}, **template}],
    }
    return rendered("wf", spec, files or {})


DATA = [{"name": "data", "mountPath": "/codo-test-data"}]


async def test_the_steps_of_one_pod_share_a_folder(engine: LocalEngine):
    one = {"name": "s1", "command": ["/bin/sh", "-c"], "args": ["echo shared >x"]}
    two = {"name": "s2", "command": ["/bin/sh", "-c"], "args": ["cat $(FROM)"]}
    two["env"] = [{"name": "FROM", "value": "/codo-test-data/x"}]
    one |= {"volumeMounts": DATA, "workingDir": "/codo-test-data"}
    two |= {"volumeMounts": DATA}
    told = await watch(engine, await engine.submit(containers(one, two)))
    assert told.phase == "Succeeded"
    assert told.lines == {"s2": ["shared"]}
    assert told.nodes["s2"]["type"] == "Container"
    assert told.nodes["wf"]["type"] == "Pod"


async def test_dependents_of_a_failed_container_end_with_64(engine: LocalEngine):
    nodes = [{"name": f"s{n}", "command": ["/bin/sh", "-c", f"exit {n}"]} for n in (0, 3, 0)]
    nodes[2]["name"] = "s4"
    told = await watch(engine, await engine.submit(containers(*nodes)))
    assert told.node("s0")[0] == "Succeeded"
    assert told.node("s3") == ("Failed", "s3: Error (exit code 3)", "3")
    detail = 's4: Error (exit code 64): dependency "s3" exited with non-zero code: 3'
    assert told.node("s4") == ("Error", detail, "64")
    assert (told.phase, told.nodes["wf"]["message"]) == ("Failed", "s3: Error (exit code 3)")


async def test_one_pod_finds_codo_in_the_config_map(engine: LocalEngine):
    files = {"codo": "#!/bin/sh\necho codo $1\n"}
    mount = [{"name": "files", "mountPath": "/usr/local/bin/codo", "subPath": "codo"}]
    node = {"name": "s1", "command": ["codo"], "args": ["hi"], "volumeMounts": mount}
    workflow = containers(node, files=files)
    workflow.workflow["spec"]["volumes"][1]["configMap"]["defaultMode"] = 0o755
    told = await watch(engine, await engine.submit(workflow))
    assert told.lines == {"s1": ["codo hi"]}


async def test_the_deadline_of_one_pod(engine: LocalEngine):
    node = {"name": "s1", "command": ["/bin/sh", "-c", "sleep 60"]}
    told = await watch(engine, await engine.submit(containers(node, activeDeadlineSeconds=0.3)))
    message = "Pod was active on the node longer than the specified deadline"
    assert (told.phase, told.nodes["wf"]["message"]) == ("Failed", message)
    assert told.node("s1")[2] == "143"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}, "persistentVolumeClaim"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"volumes": []}, "does not exist"),
        ({"hooks": {"exit": {}}}, "hooks"),
        ({"onExit": "bye"}, "onExit"),
    ],
)
async def test_what_cannot_be_given_is_refused(plain: LocalEngine, change: dict[str, Any], message: str):
    step = script("a", "true", volumeMounts=[{"name": "v", "mountPath": "/v"}])
    spec = {"volumes": [{"name": "v", "emptyDir": {}}], **change}
    with pytest.raises(PermanentError, match=message):
        await plain.submit(dag(step, **spec))
