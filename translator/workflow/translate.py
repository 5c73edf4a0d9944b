"""A task becomes an Argo Workflow: a pure function of (task, attempt, options, template)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hera.workflows import models as m

from translator.task.model import Task
from translator.workflow import context, names
from translator.workflow.codo import CODO
from translator.workflow.container import Processes
from translator.workflow.container_set import container_set_template
from translator.workflow.dag import dag_templates
from translator.workflow.deadlines import start_grace, workflow_seconds
from translator.workflow.foreseen import MAX_WORKFLOW_BYTES, account_of, surely_fits
from translator.workflow.layout import choose
from translator.workflow.literals import Files, size
from translator.workflow.metadata import labels, workflow_metadata
from translator.workflow.options import Options
from translator.workflow.pod import pod_fields
from translator.workflow.policy.fill import filled
from translator.workflow.policy.judge import judge_task, judge_workflow
from translator.workflow.policy.limits import ceilings
from translator.workflow.policy.model import Policy
from translator.workflow.refusal import Faults
from translator.workflow.rendered import Rendered
from translator.workflow.reserved import FILES, reserved_faults, step_faults
from translator.workflow.secret_params import secret_values, secrets_of
from translator.workflow.shared import shared_empty_dirs
from translator.workflow.template import DEFAULTS, merged, with_patch_of
from translator.workflow.volumes import claims, volumes

MAX_SECRETS_BYTES = 1024 * 1024
"""Kubernetes' limit of a Secret's data."""


def check(task: Task, *, options: Options, template: Mapping[str, Any]) -> None:
    """Find out whether `translate` can do it, without measuring the manifest where it is surely small.

    Raises:
        Untranslatable: no Workflow can do what the task says.
    """
    if surely_fits(task, options.policy, _length(template)):
        _judged(task, 1, options, template)
    else:
        translate(task, attempt=1, options=options, template=template)


def translate(task: Task, *, attempt: int, options: Options, template: Mapping[str, Any]) -> Rendered:
    """The objects of one attempt: the same input gives the same bytes.

    Args:
        task: a checked task.
        attempt: 1 for the first.
        options: the translator's own choices.
        template: what every Workflow starts from (`translator.service.template.load_template`).

    Raises:
        Untranslatable: no Workflow can do what the task says.
    """
    manifest, files, faults = _judged(task, attempt, options, template)
    secrets = _secrets(task, attempt, options)
    config_map = _config_map(task, attempt, options, files) if files.data or secrets else None
    length = _length(manifest)
    if length > MAX_WORKFLOW_BYTES:
        faults.add(
            "taskSpec.steps",
            f"the Workflow is {length} bytes, over {MAX_WORKFLOW_BYTES}",
            "split the task, or move repeated text into a script",
            "too-large",
        )
        faults.check()
    return Rendered(workflow=manifest, files=config_map, secrets=secrets)


def _judged(
    task: Task, attempt: int, options: Options, template: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Files, Faults]:
    """All but the size."""
    faults = Faults()
    one_pod = choose(task, options, faults) == "pod"
    made = names.made_names([step.name for step in task.steps], one_pod=one_pod)
    workflow, files = _workflow(task, attempt, options, template, faults, made, one_pod=one_pod)
    manifest = _manifest(workflow, options.policy, template, faults)
    for fault in judge_workflow(manifest, options.policy, template, made):
        faults.note(fault)
    faults.check()
    return manifest, files, faults


def _workflow(
    task: Task,
    attempt: int,
    options: Options,
    template: Mapping[str, Any],
    faults: Faults,
    made: Sequence[str],
    *,
    one_pod: bool,
) -> tuple[m.Workflow, Files]:
    account = account_of(task, options, template)
    for fault in judge_task(task, options.policy, together=one_pod, account=account):
        faults.note(fault)
    for fault in reserved_faults(task, template):
        faults.note(fault)
    steps = tuple(replace(step, name=name) for step, name in zip(task.steps, made, strict=True))
    called = replace(task, steps=steps)  # as the Workflow calls them
    for fault in step_faults(called, template):
        faults.note(fault)
    files = Files(names.files_name(names.workflow_name(task.task_id, attempt)))
    workflow = m.Workflow(
        api_version="argoproj.io/v1alpha1",
        kind="Workflow",
        metadata=workflow_metadata(task, attempt, options, faults, made=made),
        spec=_spec(called, attempt, options, files, faults, one_pod=one_pod),
    )
    files.check(faults)
    hidden = sum(size(text) for text in secret_values(task.params, options.secret_params))
    if hidden > MAX_SECRETS_BYTES:
        message = f"the secret parameters are {hidden} bytes, over a Secret's 1 MiB"
        faults.add("args.scriptParams", message, "give large data another way", "too-large")
    faults.check()
    return workflow, files


def _length(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())


def _manifest(
    workflow: m.Workflow, policy: Policy, template: Mapping[str, Any], faults: Faults
) -> Mapping[str, Any]:
    """The Workflow on top of what every Workflow starts from, with what the policy needs."""
    data: Mapping[str, Any] = workflow.model_dump(exclude_none=True, by_alias=True)
    try:
        data = with_patch_of(template, data)
    except ValueError as error:
        message = f"the Workflow template's podSpecPatch cannot be joined with the task's: {error}"
        faults.add("podTemplate", message, "write the template's as JSON", "template-patch")
    manifest: Mapping[str, Any] = merged(merged(DEFAULTS, template), data)
    return filled(manifest, policy)


def _spec(
    task: Task, attempt: int, options: Options, files: Files, faults: Faults, *, one_pod: bool
) -> m.WorkflowSpec:
    codo = context.wanted(task, options)
    shared = [] if one_pod else shared_empty_dirs(task)
    mounted = volumes(task, frozenset(volume.name for volume in shared), options.policy, faults)
    entrypoint = names.entrypoint_name([] if one_pod else [step.name for step in task.steps])
    processes = Processes(
        task,
        files,
        faults,
        secrets=secrets_of(task, attempt, options.secret_params),
        ceilings=ceilings(options.policy, one_pod=one_pod),
        codo=codo,
        one_pod=one_pod,
    )
    if one_pod:
        templates = [container_set_template(task, entrypoint, processes)]
    else:
        templates = dag_templates(task, entrypoint, processes, options, codo=codo)
    if codo:
        mounted.append(context.volume())
    if codo and one_pod:
        files.add(context.CODO_KEY, CODO)
    if files.mounted:
        mounted.append(_files_volume(files))
    if one_pod:
        # Argo mounts no volume of the Workflow in a containerSet, only the template's own.
        templates[0].volumes, mounted = mounted or None, []
    return m.WorkflowSpec(
        entrypoint=entrypoint,
        templates=templates,
        template_defaults=m.Template(inputs=m.Inputs(artifacts=[context.codo_artifact()]))
        if codo and not one_pod
        else None,
        active_deadline_seconds=workflow_seconds(task.deadline_ns),
        pod_metadata=m.Metadata(
            labels=labels(task, attempt, options),
            annotations={names.START_GRACE: start_grace(options.start_grace_s)},
        ),
        volumes=mounted or None,
        volume_claim_templates=claims(task, options, faults) if shared else None,
        volume_claim_gc=m.VolumeClaimGC(strategy="OnWorkflowCompletion") if shared else None,
        **pod_fields(task.pod, options, faults),
    )


def _files_volume(files: Files) -> m.Volume:
    # Executable, since codo may be among them; an int, as the API server takes no octal string.
    source = m.ConfigMapVolumeSource(name=files.name, default_mode=0o755)
    return m.Volume(name=FILES, config_map=source)


def _secrets(task: Task, attempt: int, options: Options) -> dict[str, Any] | None:
    secrets = secrets_of(task, attempt, options.secret_params)
    if not secrets.keys:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secrets.name,
            "namespace": task.namespace,
            "labels": labels(task, attempt, options),
        },
        "type": "Opaque",
        "stringData": {secrets.keys[name]: text for name, text in task.params if name in secrets.keys},
    }


def _config_map(task: Task, attempt: int, options: Options, files: Files) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": files.name,
            "namespace": task.namespace,
            "labels": labels(task, attempt, options),
        },
        "data": files.data,
    }
