"""Where the API server's words about a pod belong in the taskYaml."""

from __future__ import annotations

import pytest

from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.dry_run import Cause, faults, pods
from translator.workflow.options import Options
from translator.workflow.policy.model import Policy
from translator.workflow.translate import translate

TEXT = """
computeResources: {requests: {memory: 1Gi}}
podTemplate:
  env: [{name: A, value: a}]
  tolerations: [{key: k}]
  priorityClassName: high
  runtimeClassName: runc
  volumes: [{name: p, emptyDir: {}}]
taskSpec:
  displayName: x
  volumes: [{name: t, emptyDir: {}}]
  steps:
    - {name: one, image: a, script: codo get-context k}
    - name: two
      image: b
      command: [c]
      env: [{name: B, value: b}, {name: A, value: c}]
      computeResources: {limits: {cpu: 1}}
      volumeMounts: [{name: t, mountPath: /t}, {name: p, mountPath: /p}]
"""


def made(layout):
    task = parse_task(TEXT, task_id="t", namespace="jobs", params={"q": "1"}).task
    assert task is not None
    options = Options(layout=layout, policy=Policy(level="restricted"))
    template = load_template()
    workflow = translate(task, attempt=1, options=options, template=template).workflow
    return task, list(pods(task, workflow, template))


def places(task, pod, *fields):
    return [fault.path for fault in faults(task, pod, [Cause(field, "no") for field in fields])]


@pytest.mark.parametrize("layout", ["dag", "pod"])
def test_a_field_of_the_pod_is_told_at_the_task_s(layout):
    task, made_pods = made(layout)
    assert [list(pod.steps) for pod in made_pods] == ([[0], [1]] if layout == "dag" else [[0, 1]])
    pod = made_pods[-1]
    spec = pod.manifest["spec"]
    at = pod.steps.index(1)
    container = spec["containers"][at]
    env = {each["name"]: index for index, each in enumerate(container["env"])}
    mounts = {each["mountPath"]: index for index, each in enumerate(container["volumeMounts"])}
    volumes = {each["name"]: index for index, each in enumerate(spec["volumes"])}
    here = f"spec.containers[{at}]"
    step = "taskSpec.steps[1]"
    for field, path in {
        f"{here}.image": f"{step}.image",
        f"{here}.command[0]": f"{step}.command[0]",
        f"{here}.resources.limits[cpu]": f"{step}.computeResources.limits.cpu",
        f"{here}.resources.requests[memory]": "computeResources.requests.memory",
        f"{here}.env[{env['B']}].name": f"{step}.env[0].name",
        f"{here}.env[{env['A']}].value": f"{step}.env[1].value",
        f"{here}.env[{env['codo_q']}].value": step,
        f"{here}.volumeMounts[{mounts['/p']}].mountPath": f"{step}.volumeMounts[1].mountPath",
        f"{here}.ports[0]": step,
        f"spec.volumes[{volumes['t']}].emptyDir.sizeLimit": "taskSpec.volumes[0].emptyDir.sizeLimit",
        f"spec.volumes[{volumes['p']}].emptyDir": "podTemplate.volumes[0].emptyDir",
        "spec.tolerations[0].effect": "podTemplate.tolerations[0].effect",
        "spec.tolerations[0].{key, effect}": "podTemplate.tolerations[0]",
        "spec.priorityClassName": "podTemplate.priorityClassName",
        "spec.activeDeadlineSeconds": f"taskSpec.steps[{pod.steps[0]}]",
        "": f"taskSpec.steps[{pod.steps[0]}]",
    }.items():
        assert places(task, pod, field) == [path], field


@pytest.mark.parametrize("layout", ["dag", "pod"])
def test_a_pod_is_what_a_step_gets_without_argo_s_containers(layout):
    _, made_pods = made(layout)
    for pod in made_pods:
        spec = pod.manifest["spec"]
        assert pod.manifest["metadata"]["namespace"] == "jobs"
        assert "initContainers" not in spec
        assert {each["name"] for each in spec["containers"]} <= {"main", "one", "two"}
        assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("high", "runc")
        assert spec["tolerations"] == [{"key": "k"}]
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not {"source", "dependencies"} & container.keys()
