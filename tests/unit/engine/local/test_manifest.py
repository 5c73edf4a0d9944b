from __future__ import annotations

from typing import Any

import pytest

from translator.engine.local.manifest import read_plan
from translator.engine.local.plan import Kind
from translator.errors import PermanentError
from translator.workflow.rendered import Rendered


def step(**more: Any) -> dict[str, Any]:
    return {"name": "a", "container": {"image": "i", "command": ["true"]}, **more}


def manifest(*templates: dict[str, Any], tasks: list[dict[str, Any]] | None = None, **spec: Any) -> Rendered:
    if tasks is None:
        tasks = [{"name": one["name"], "template": one["name"]} for one in templates]
    templates = ({"name": "task", "dag": {"tasks": tasks}}, *templates)
    return Rendered(
        {
            "metadata": {"name": "wf", "namespace": "ns"},
            "spec": {"entrypoint": "task", "templates": list(templates), **spec},
        },
        {"metadata": {"name": "wf-files"}, "data": {"k": "text"}},
    )


def test_defaults_go_under_every_template():
    codo = {"name": "codo", "path": "/usr/local/bin/codo", "mode": 493, "raw": {"data": "x"}}
    own = {"name": "own", "path": "/own", "raw": {"data": "y"}}
    plan = read_plan(
        manifest(step(inputs={"artifacts": [own]}), templateDefaults={"inputs": {"artifacts": [codo]}})
    )
    files = plan.containers[0].files
    assert [(file.target, file.text, file.mode) for file in files] == [
        ("/usr/local/bin/codo", "x", 0o755),
        ("/own", "y", 0o644),
    ]


def test_what_a_template_says_of_an_entry_goes_over_the_default_of_that_name_as_in_argo():
    codo = {"name": "codo", "path": "/usr/local/bin/codo", "mode": 493, "raw": {"data": "x"}}
    own = {"name": "codo", "raw": {"data": "y"}}
    plan = read_plan(
        manifest(step(inputs={"artifacts": [own]}), templateDefaults={"inputs": {"artifacts": [codo]}})
    )
    (file,) = plan.containers[0].files
    assert (file.target, file.text, file.mode) == ("/usr/local/bin/codo", "y", 0o755)


def test_the_timeout_is_the_annotations():
    annotated = step(metadata={"annotations": {"codo.dev/step-timeout": "1m0.5s"}}, activeDeadlineSeconds=400)
    assert read_plan(manifest(annotated)).containers[0].timeout == 60.5
    assert read_plan(manifest(step(activeDeadlineSeconds=7))).containers[0].timeout == 7
    assert read_plan(manifest(step())).containers[0].timeout is None


def test_volumes():
    volumes = [
        {"name": "e", "emptyDir": {}},
        {"name": "f", "configMap": {"name": "wf-files", "items": [{"key": "k", "path": "p/q", "mode": 256}]}},
    ]
    mounts = [
        {"name": "e", "mountPath": "/e/", "subPath": "s"},
        {"name": "f", "mountPath": "/f", "readOnly": True},
        {"name": "c", "mountPath": "/c"},
    ]
    body = {"image": "i", "command": ["true"], "volumeMounts": mounts}
    plan = read_plan(
        manifest(
            {"name": "a", "container": body},
            volumes=volumes,
            volumeClaimTemplates=[{"metadata": {"name": "c"}}],
        )
    )
    one, two, three = plan.containers[0].mounts
    assert (one.target, one.sub_path, one.volume.kind) == ("/e", "s", Kind.POD)
    assert (two.read_only, two.volume.files) == (True, (("p/q", b"text", 0o400),))
    assert three.volume.kind is Kind.RUN


def test_what_is_ignored_is_told():
    body = {"image": "i", "command": ["true"], "resources": {"limits": {"cpu": "1"}}}
    plan = read_plan(manifest({"name": "a", "container": body}, nodeSelector={"a": "b"}, tolerations=[]))
    assert plan.ignored == (("", "nodeSelector"), ("a", "resources"))


def test_an_optional_key_that_is_missing_is_no_variable():
    env = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "wf-files", "key": "k"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
    ]
    body = {"image": "i", "command": ["true"], "env": env}
    (variable,) = read_plan(manifest({"name": "a", "container": body})).containers[0].env
    assert (variable.name, variable.value, variable.expands) == ("A", "text", False)


def two_steps(**dag: Any) -> Rendered:
    tasks = [{"name": "a", "template": "a"}, {"name": "b", "template": "a", "dependencies": ["a"]}]
    made = manifest(step(), tasks=tasks)
    made.workflow["spec"]["templates"][0]["dag"].update(dag)
    return made


def test_a_dag_is_judged_by_its_target_or_else_by_its_last_task():
    assert read_plan(two_steps(target="a b")).targets == ("a", "b")
    assert read_plan(two_steps()).targets == ("b",)


def task(**more: Any) -> list[dict[str, Any]]:
    return [{"name": "a", "template": "a", **more}]


def with_body(**fields: Any) -> Rendered:
    return manifest({"name": "a", "container": {"image": "i", "command": ["true"], **fields}})


@pytest.mark.parametrize(
    ("rendered", "message"),
    [
        (manifest(step(), entrypoint="nosuch"), "there is no template named 'nosuch'"),
        (manifest(step(), entrypoint="a"), "entrypoint is a DAG or a containerSet"),
        (manifest(step(), parallelism=1), "does not know the spec's field parallelism"),
        (manifest(step(), arguments={"parameters": [{"name": "x"}]}), "spec.arguments"),
        (manifest(step(retryStrategy={"limit": 3})), "the template's field retryStrategy"),
        (manifest({"name": "a", "http": {"url": "x"}}), "the template's field http"),
        (manifest({"name": "a"}), "script and container templates"),
        (manifest(step(), tasks=task(when="false")), "the DAG task's field when"),
        (two_steps(target="a"), "has to name every task"),
        (two_steps(target="a b c"), "has to name every task"),
        (two_steps(failFast=False), "the dag's field failFast"),
        (manifest(step(), tasks=task(template="b")), "no template named 'b'"),
        (manifest(step(), tasks=task(dependencies=["z"])), "does not come before it"),
        (manifest(step(), tasks=task(depends="b.Failed || c")), "does not know the condition"),
        (
            manifest(step(), tasks=task(arguments={"parameters": [{"name": "x", "value": "{{item}}"}]})),
            "only Argo can evaluate",
        ),
        (manifest(step(inputs={"parameters": [{"name": "x"}]})), "input parameter x gets no value"),
        (manifest(step(inputs={"artifacts": [{"name": "x", "path": "/x", "s3": {}}]})), "is not raw text"),
        (manifest(step(outputs={"artifacts": [{"name": "x"}]})), "output artifacts"),
        (
            manifest(step(outputs={"parameters": [{"name": "x", "valueFrom": {"expression": "1"}}]})),
            "from a path alone",
        ),
        (manifest(step(), activeDeadlineSeconds="{{x}}"), "no number of seconds"),
        (
            manifest(step(metadata={"annotations": {"codo.dev/step-timeout": "soon"}})),
            "'soon' is no duration",
        ),
        (with_body(envFrom=[{}]), "a container's field envFrom"),
        (with_body(args=["{{pod.name}}"]), "only Argo can evaluate"),
        (with_body(env=[{"name": "A", "value": "{{="}]), "unclosed"),
        (with_body(env=[{"name": "A", "valueFrom": {"fieldRef": {}}}]), "asks for fieldRef"),
        (
            with_body(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
            "comes from the Secret 's'",
        ),
        (with_body(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "the volume 'v' does not exist"),
    ],
)
def test_what_is_refused(rendered: Rendered, message: str):
    with pytest.raises(PermanentError) as caught:
        read_plan(rendered)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_paths_stay_in_their_volume(path: str):
    body = {
        "image": "i",
        "command": ["x"],
        "volumeMounts": [{"name": "e", "mountPath": "/e", "subPath": path}],
    }
    with pytest.raises(PermanentError, match="uses a path"):
        read_plan(manifest({"name": "a", "container": body}, volumes=[{"name": "e", "emptyDir": {}}]))
