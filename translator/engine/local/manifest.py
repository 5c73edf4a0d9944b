"""Reads a rendered Workflow into a `Plan`, and refuses what this engine would not run as Argo does.

Every field is understood, known to change nothing that a process could see, told to the user as ignored, or
refused (`translator.engine.local.fields`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from translator.engine.local.containers import Surroundings, read_container
from translator.engine.local.fields import CONTAINER_SET, DAG, DAG_TASK, POD, WORKFLOW, sort_out
from translator.engine.local.plan import Container, Output, Plan, Pod
from translator.engine.local.refusal import refused
from translator.engine.local.templating import check_argument, check_inputs
from translator.engine.local.volumes import read_volumes
from translator.workflow.rendered import Rendered
from translator.workflow.template import merged


def read_plan(rendered: Rendered) -> Plan:
    """Read a manifest.

    Raises:
        PermanentError: it asks for something that cannot be run here as Argo would run it.
    """
    spec = rendered.workflow["spec"]
    ignored = sort_out(spec, WORKFLOW, "spec", "")
    templates = {str(template["name"]): template for template in spec.get("templates") or ()}
    entrypoint = str(spec.get("entrypoint", ""))
    root = templates.get(entrypoint)
    if root is None:
        raise refused("spec.entrypoint", f"there is no template named {entrypoint!r}")
    if (spec.get("arguments") or {}) not in ({}, {"parameters": []}):
        raise refused("spec.arguments", "only the steps' own parameters work in the local engine")
    around = Surroundings(
        read_volumes(spec, rendered.files),
        rendered.files,
        spec.get("securityContext") or {},
        rendered.secrets,
    )
    defaults = spec.get("templateDefaults") or {}
    pods: list[Pod]
    targets: tuple[str, ...]
    if "containerSet" in root:
        pod, more = _container_set(root, defaults, around, rendered.name)
        pods = [pod]
        targets = tuple(container.step for container in pod.containers)
        ignored += more
    elif "dag" in root:
        pods = []
        ignored += sort_out(root["dag"], DAG, "dag", "")
        for task in root["dag"].get("tasks") or ():
            pod, more = _dag_task(task, templates, defaults, around)
            pods.append(pod)
            ignored += more
        _check_order(pods)
        targets = _targets(root["dag"], pods)
    else:
        raise refused(f"template {entrypoint}", "the local engine's entrypoint is a DAG or a containerSet")
    return Plan(
        name=rendered.name,
        namespace=rendered.namespace,
        entrypoint=entrypoint,
        container_set="containerSet" in root,
        pods=tuple(pods),
        targets=targets,
        timeout=_seconds(spec.get("activeDeadlineSeconds"), "spec.activeDeadlineSeconds"),
        ignored=tuple(dict.fromkeys(ignored)),
    )


def _dag_task(
    task: Mapping[str, Any],
    templates: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
    around: Surroundings,
) -> tuple[Pod, list[tuple[str, str]]]:
    step = str(task["name"])
    ignored = sort_out(task, DAG_TASK, "DAG task", step)
    template = templates.get(str(task.get("template")))
    if template is None:
        raise refused(step, f"there is no template named {task.get('template')!r}")
    template = merged(defaults, template)
    ignored += sort_out(template, POD, "template", step)
    body = template.get("script") or template.get("container")
    if body is None:
        raise refused(step, "the local engine runs script and container templates")
    arguments = _parameters(task.get("arguments"), step)
    for name, value in arguments.items():
        check_argument(value, f"{step}: argument {name}")
    container, more = read_container(body, template, around, step=step, name="main")
    continues = task.get("continueOn") or {}
    declared = _inputs(template, step, arguments)
    pod = Pod(
        task=step,
        template=str(template["name"]),
        containers=(container,),
        dependencies=_dependencies(task, step),
        continue_failed=bool(continues.get("failed")),
        continue_error=bool(continues.get("error")),
        inputs=declared,
        arguments=arguments,
        outputs=_outputs(template, step, declared),
    )
    return pod, ignored + more


def _container_set(
    template: Mapping[str, Any], defaults: Mapping[str, Any], around: Surroundings, name: str
) -> tuple[Pod, list[tuple[str, str]]]:
    template = merged(defaults, template)
    ignored = sort_out(template, POD, "template", "")
    body = template["containerSet"]
    ignored += sort_out(body, CONTAINER_SET, "containerSet", "")
    if (template.get("outputs") or {}) not in ({}, {"parameters": []}):
        raise refused("containerSet", "has outputs, which need a container called main")
    containers: list[Container] = []
    shared = list(body.get("volumeMounts") or ())
    for one in body.get("containers") or ():
        step = str(one["name"])
        mounts = shared + list(one.get("volumeMounts") or ())
        container, more = read_container(
            {**one, "volumeMounts": mounts}, template, around, step=step, name=step
        )
        known = {earlier.step for earlier in containers}
        if not set(container.dependencies) <= known:
            raise refused(step, "depends on a container that does not come before it")
        containers.append(container)
        ignored += more
    timeout = _seconds(template.get("activeDeadlineSeconds"), "activeDeadlineSeconds")
    pod = Pod(task=name, template=str(template["name"]), containers=tuple(containers), timeout=timeout)
    return pod, ignored


def _dependencies(task: Mapping[str, Any], step: str) -> tuple[str, ...]:
    depends = task.get("depends")
    names: Sequence[str] = task.get("dependencies") or ()
    if depends:
        names = [name.strip() for name in str(depends).split("&&")]
        if not all(name.replace("-", "").isalnum() for name in names):
            raise refused(step, f"the local engine does not know the condition {depends!r}")
    return tuple(names)


def _check_order(pods: Sequence[Pod]) -> None:
    earlier: set[str] = set()
    for pod in pods:
        if not set(pod.dependencies) <= earlier:
            raise refused(pod.task, "depends on a step that does not come before it")
        earlier.add(pod.task)


def _targets(dag: Mapping[str, Any], pods: Sequence[Pod]) -> tuple[str, ...]:
    """The tasks by which Argo judges a DAG: those that ``target`` names, else those that no other needs."""
    needed = {name for pod in pods for name in pod.dependencies}
    target = str(dag.get("target") or "")
    if not target:
        return tuple(pod.task for pod in pods if pod.task not in needed)
    names = tuple(target.split(" "))
    if set(names) != {pod.task for pod in pods}:
        raise refused("the DAG's target", "the local engine runs a DAG as a whole: it has to name every task")
    return names


def _parameters(arguments: Mapping[str, Any] | None, step: str) -> dict[str, str]:
    if (arguments or {}).get("artifacts"):
        raise refused(step, "artifacts between steps do not work in the local engine")
    return {str(one["name"]): str(one["value"]) for one in (arguments or {}).get("parameters") or ()}


def _inputs(template: Mapping[str, Any], step: str, arguments: Mapping[str, str]) -> dict[str, str]:
    inputs: dict[str, str] = {}
    for one in (template.get("inputs") or {}).get("parameters") or ():
        name = str(one["name"])
        default = one.get("value", one.get("default"))
        if default is None and name not in arguments:
            raise refused(step, f"its input parameter {name} gets no value")
        inputs[name] = "" if default is None else str(default)
    return inputs


def _outputs(template: Mapping[str, Any], step: str, declared: Mapping[str, str]) -> tuple[Output, ...]:
    outputs = template.get("outputs") or {}
    if outputs.get("artifacts"):
        raise refused(step, "output artifacts do not work in the local engine")
    found = []
    for one in outputs.get("parameters") or ():
        source = one.get("valueFrom") or {}
        if set(source) - {"path", "default"} or "path" not in source:
            raise refused(
                step, f"the local engine reads the output parameter {one['name']} from a path alone"
            )
        default = source.get("default")
        check_inputs(str(default), f"{step}: output parameter {one['name']}", declared)
        found.append(Output(str(one["name"]), str(source["path"]), None if default is None else str(default)))
    return tuple(found)


def _seconds(value: Any, where: str) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError) as error:
        raise refused(where, f"{value!r} is no number of seconds") from error
    if not math.isfinite(seconds):
        raise refused(where, f"{value!r} is no number of seconds")
    return seconds
