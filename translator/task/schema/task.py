"""The whole taskYaml: the seed's own fields, on top of Kubernetes' structures."""

from __future__ import annotations

from translator.task.names import subdomain_fault
from translator.task.schema.fields import COMPUTE_RESOURCES, VOLUMES, timeout
from translator.task.schema.kinds import Rules, mapping, said, sequence, text, texts
from translator.task.schema.pod_template import POD_TEMPLATE
from translator.task.schema.step import STEP

MAX_STEPS = 1_000
"""A Workflow must stay well below etcd's limit of 1.5 MiB."""

_TASK_SPEC = mapping(
    {
        "description": said(
            text(longest=64 * 1024),
            "What the task is for. Argo's UI shows it.",
            "任务描述；会显示在 Argo 界面。",
        ),
        "displayName": said(
            text(required=True),
            "The task's name for people: the title in Argo's UI.",
            "任务展示名称；Argo 界面中的标题。",
        ),
        "steps": said(
            sequence(STEP, required=True, minimum=1, maximum=MAX_STEPS),
            "What is run, one after the other. A step is a script, or a command with or without args.",
            "按顺序执行的步骤；每个步骤是 script，或 command（可带 args）。",
        ),
        "volumes": said(
            VOLUMES,
            "Volumes of the task. An emptyDir that several steps mount is one folder for all of them.",
            "任务的卷；被多个步骤挂载的 emptyDir 是它们共用的目录。",
        ),
    },
    required=True,
)

TASK: dict[str, Rules] = {
    "computeResources": said(
        COMPUTE_RESOURCES,
        "Resources of every step: these values win over a step's own, key by key.",
        "所有步骤的资源：按键覆盖步骤自己的配置。",
    ),
    "podTemplate": said(
        POD_TEMPLATE,
        "What the pods that run the steps need.",
        "运行步骤的 Pod 的要求。",
    ),
    "require": said(
        mapping(
            {
                "fields": said(
                    texts(),
                    "Names of scriptParams without which the task is refused.",
                    "必须提供的 scriptParams 名称；缺少时拒绝任务。",
                ),
            }
        ),
        "What must be given with the task.",
        "提交任务时必须提供的内容。",
    ),
    "serviceAccountName": said(
        text(find=subdomain_fault),
        "The same as podTemplate.serviceAccountName, as the operator's object has it.",
        "与 podTemplate.serviceAccountName 相同（operator 对象的写法）。",
    ),
    "taskID": said(
        text(),
        "The task's id, as the operator's object has it. The submission's taskId holds.",
        "任务 ID（operator 对象的写法）；以提交时的 taskId 为准。",
    ),
    "taskSpec": said(
        _TASK_SPEC,
        "The task itself.",
        "任务定义。",
    ),
    "timeout": said(
        timeout(),
        "How long the task may take, waiting included. The smaller of this and args.timeout holds. "
        "Default: 600s.",
        "整个任务（含等待）的最长时间；与 args.timeout 取较小者，都未设置时为 600 秒。",
    ),
}
"""The schema of a taskYaml."""
