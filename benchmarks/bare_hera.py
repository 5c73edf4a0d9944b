"""The floor of the translation: the same Workflows, written by hand with Hera's own classes.

The benchmark checks that each equals what the translation gives, so that the two do the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hera import workflows as h
from hera.workflows import models as m

ALPINE = "ccr.ccs.tencentyun.com/library/alpine:latest"
CONTEXT = "{{inputs.parameters.context}}"


def minimal(codo: str) -> Callable[[], dict[str, Any]]:
    """example.min.yaml."""
    return lambda: _workflow(
        codo,
        [
            ("step1", ALPINE, ["/bin/sh"], '#!/bin/sh\necho "Hello World step1 FOO=$FOO"\n', None, 10),
            ("step2", ALPINE, ["codo"], None, ["set-context", "abc=123"], 3600),
            ("step3", ALPINE, ["/bin/python"], PYTHON_SCRIPT, None, 3600),
        ],
        annotations={"workflows.argoproj.io/title": "cc-test"},
    )


def full(codo: str) -> Callable[[], dict[str, Any]]:
    """example.full.yaml."""
    resources = m.ResourceRequirements(requests={"memory": "128Mi", "cpu": "60m"})
    step1 = {
        "env": [m.EnvVar(name="FOO", value="baz")],
        "image_pull_policy": "IfNotPresent",
        "working_dir": "/data",
        "volume_mounts": [m.VolumeMount(name="my-volume", mount_path="/data")],
    }

    def security() -> list[m.PodAffinityTerm]:
        return [
            m.PodAffinityTerm(
                label_selector=m.LabelSelector(
                    match_expressions=[
                        m.LabelSelectorRequirement(key="security", operator="In", values=["S1"])
                    ]
                ),
                topology_key="failure-domain.beta.kubernetes.io/zone",
            )
        ]

    def node(key: str, value: str) -> m.NodeSelectorTerm:
        return m.NodeSelectorTerm(
            match_expressions=[m.NodeSelectorRequirement(key=key, operator="In", values=[value])]
        )

    return lambda: _workflow(
        codo,
        [
            ("step1", ALPINE, ["/bin/sh"], '#!/bin/sh\necho "Hello World step1 FOO=$FOO"\n', None, 10),
            ("step2", ALPINE, ["codo"], None, ["set-context", "abc=123"], 3600),
            ("step3", ALPINE, ["/bin/sh"], GET_SCRIPT, None, 3600),
            ("step4-python-test", ROCKY, ["/bin/python3.9"], FLOATING_SCRIPT, None, 3600),
        ],
        annotations={
            "workflows.argoproj.io/title": "cc-test",
            "workflows.argoproj.io/description": "这是一份描述",
        },
        resources=resources,
        first=step1,
        volumes=[
            m.Volume(name="my-volume", empty_dir=m.EmptyDirVolumeSource()),
            m.Volume(
                name="my-cache",
                persistent_volume_claim=m.PersistentVolumeClaimVolumeSource(claim_name="my-volume-claim"),
            ),
        ],
        affinity=m.Affinity(
            node_affinity=m.NodeAffinity(
                required_during_scheduling_ignored_during_execution=m.NodeSelector(
                    node_selector_terms=[node("kubernetes.io/e2e-az-name", "e2e-az1")]
                ),
                preferred_during_scheduling_ignored_during_execution=[
                    m.PreferredSchedulingTerm(
                        weight=1, preference=node("another-node-label-key", "another-node-label-value")
                    )
                ],
            ),
            pod_affinity=m.PodAffinity(required_during_scheduling_ignored_during_execution=security()),
            pod_anti_affinity=m.PodAntiAffinity(
                required_during_scheduling_ignored_during_execution=security()
            ),
        ),
        automount_service_account_token=False,
        dns_config=m.PodDNSConfig(
            nameservers=["8.8.8.8"],
            searches=["svc.cluster.local"],
            options=[m.PodDNSConfigOption(name="ndots", value="2")],
        ),
        executor=m.ExecutorConfig(service_account_name="executor"),
        host_network=False,
        image_pull_secrets=[m.LocalObjectReference(name="my-secret")],
        pod_spec_patch=POD_SPEC_PATCH,
        scheduler_name="default-scheduler",
        security_context=m.PodSecurityContext(run_as_non_root=True, run_as_user=1001),
        tolerations=[m.Toleration(key="key", operator="Equal", value="value", effect="NoSchedule")],
    )


def hundred(codo: str) -> Callable[[], dict[str, Any]]:
    """`run.HUNDRED`."""
    steps = [(f"step-{i}", "alpine:3", ["/bin/sh"], HUNDREDTH_SCRIPT, None, 3600) for i in range(100)]
    return lambda: _workflow(codo, steps, annotations={"workflows.argoproj.io/title": "hundred"})


PYTHON_SCRIPT = """#!/bin/python
import os
print("Hello World step3 FOO=%s" % os.environ.get("FOO"))
"""
GET_SCRIPT = '#!/bin/sh\necho "context=====$(codo get-context abc)"\n'
ROCKY = "harbor.123u.com/public/rocky9.1-python3:latest"
FLOATING_SCRIPT = """#!/bin/python3.9
from floating import Floating
# 请手动指定，调用api模式。
fl = Floating(api_mode=True)
fl.logger.info("hello world")
"""
HUNDREDTH_SCRIPT = "#!/bin/sh\necho working\ncodo set-context done=yes\n"
POD_SPEC_PATCH = (
    '{"enableServiceLinks":true,"runtimeClassName":"runc","topologySpreadConstraints":[{"labelSelector":'
    '{"matchLabels":{"app":"myapp"}},"maxSkew":1,"topologyKey":"kubernetes.io/hostname",'
    '"whenUnsatisfiable":"DoNotSchedule"}]}'
)


def _workflow(
    codo: str,
    steps: Sequence[tuple[str, str, list[str], str | None, list[str] | None, int]],
    *,
    annotations: dict[str, str],
    resources: m.ResourceRequirements | None = None,
    first: dict[str, Any] | None = None,
    volumes: Sequence[m.Volume] = (),
    **spec: Any,
) -> dict[str, Any]:
    context = m.EmptyDirVolumeSource()
    limit = str(min(32 * 1024, 256 * 1024 // len(steps)))
    labels = {
        "codo.dev/task-id": "render",
        "codo.dev/agent-id": "",
        "codo.dev/attempt": "1",
        "codo.dev/shard": "47",
    }
    with h.Workflow(
        api_version="argoproj.io/v1alpha1",
        kind="Workflow",
        name="task-render-887270d0cbc5-a1",
        namespace="default",
        labels=labels,
        annotations={"codo.dev/task-id": "render", "codo.dev/agent-id": "", **annotations},
        finalizers=["codo.dev/logs"],
        entrypoint="task",
        active_deadline_seconds=660,
        pod_gc=m.PodGC(strategy="OnWorkflowCompletion", delete_delay_duration="600s"),
        ttl_strategy=m.TTLStrategy(seconds_after_completion=86400),
        pod_metadata=m.Metadata(labels=labels, annotations={"codo.dev/start-grace": "5m0s"}),
        volumes=[*volumes, m.Volume(name="codo-context", empty_dir=context)],
        template_defaults=m.Template(
            inputs=m.Inputs(
                artifacts=[
                    m.Artifact(
                        name="codo", path="/usr/local/bin/codo", mode=0o755, raw=m.RawArtifact(data=codo)
                    )
                ]
            )
        ),
        **spec,
    ) as workflow:
        with h.DAG(name="task"):
            before = None
            for name, *_ in steps:
                h.Task(
                    name=name,
                    template=name,
                    dependencies=[before] if before else None,
                    arguments=[
                        m.Parameter(
                            name="context",
                            value=f"{{{{=tasks['{before}'].outputs?.parameters?.context ?? ''}}}}",
                        )
                    ]
                    if before
                    else None,
                )
                before = name
        for index, (name, image, command, source, args, seconds) in enumerate(steps):
            own = (first or {}) if index == 0 else {}
            start_and_run = seconds + 300
            fields: dict[str, Any] = {
                "name": name,
                "image": image,
                "command": command,
                "labels": {"codo.dev/step": name},
                "annotations": {"codo.dev/step-timeout": "1h0m0s" if seconds == 3600 else f"{seconds}s"},
                "inputs": [m.Parameter(name="context", default="")],
                "outputs": [
                    m.Parameter(
                        name="context", value_from=m.ValueFrom(path="/codo/context/values", default=CONTEXT)
                    )
                ],
                "active_deadline_seconds": start_and_run,
                "timeout": f"{start_and_run}s",
                "resources": resources,
                **{k: v for k, v in own.items() if k not in ("env", "volume_mounts")},
                "env": [
                    *own.get("env", ()),
                    m.EnvVar(name="CODO_CONTEXT_FILE", value="/codo/context/values"),
                    m.EnvVar(name="CODO_CONTEXT_LIMIT", value=limit),
                    m.EnvVar(name="CODO_CONTEXT", value=CONTEXT),
                ],
                "volume_mounts": [
                    *own.get("volume_mounts", ()),
                    m.VolumeMount(name="codo-context", mount_path="/codo/context"),
                ],
            }
            if source is None:
                h.Container(args=args, **fields)
            else:
                h.Script(source=source, **fields)
    manifest: dict[str, Any] = workflow.to_dict()
    return manifest
