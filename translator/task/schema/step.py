"""One step of a task."""

from __future__ import annotations

from translator.task.document import MAX_BYTES
from translator.task.image import image_fault
from translator.task.names import Fault, step_name_fault
from translator.task.schema.fields import COMPUTE_RESOURCES, ENV, timeout
from translator.task.schema.kinds import mapping, said, sequence, text
from translator.task.schema.security import CONTAINER_SECURITY_CONTEXT
from translator.task.schema.volumes import VOLUME_MOUNTS


def _working_dir_fault(path: str) -> Fault | None:
    return None if path.startswith("/") else (f"{path!r} is not an absolute path", f"did you mean /{path}?")


STEP = mapping(
    {
        "args": said(
            sequence(text(longest=MAX_BYTES)),
            "Arguments of command, in which $(VAR) stands for an environment variable; beside script its $1, "
            "$2 and so on, exactly as they are written.",
            "command 的参数，其中 $(VAR) 会替换为环境变量的值；与 script 同用时原样作为 $1、$2……",
        ),
        "command": said(
            sequence(text(longest=MAX_BYTES)),
            "The program to run, instead of a script.",
            "要执行的命令，与 script 二选一。",
        ),
        "computeResources": said(
            COMPUTE_RESOURCES,
            "What the step requests and may use. The task's values win over these, key by key.",
            "步骤的资源需求与上限；任务级的同名键会覆盖它。",
        ),
        "env": said(
            ENV,
            "Environment variables. scriptParams win over them, as codo_<name>.",
            "环境变量；与 scriptParams（codo_<name>）冲突时以后者为准。",
        ),
        "image": said(
            text(required=True, find=image_fault, code="bad-image"),
            "The image that the step runs in.",
            "步骤运行所用的镜像。",
        ),
        "imagePullPolicy": said(
            text(allowed=("Always", "Never", "IfNotPresent")),
            "When the image is pulled. Default: Always for the tag latest, otherwise IfNotPresent.",
            "镜像拉取策略。标签为 latest 时默认 Always，否则默认 IfNotPresent。",
        ),
        "name": said(
            text(required=True, find=step_name_fault),
            "The step's name: any text of at most 63 characters, once in a task.",
            "步骤名称：任意文本，最多 63 个字符，任务内唯一。",
        ),
        "onError": said(
            text(allowed=("continue", "stopAndFail")),
            "What follows a failure: stopAndFail ends the task, continue goes on. Default: stopAndFail.",
            "步骤出错时：stopAndFail 结束任务，continue 继续执行。默认 stopAndFail。",
        ),
        "script": said(
            text(longest=MAX_BYTES),
            "The script to run. Its first line may name an interpreter (#!); without one it is /bin/sh, with "
            "set -e.",
            "要执行的脚本；首行可用 #! 指定解释器，否则用 /bin/sh 并开启 set -e。",
        ),
        "securityContext": said(
            CONTAINER_SECURITY_CONTEXT,
            "Security attributes of the container; they win over the pods'.",
            "容器的安全属性，优先于 Pod 级别的设置。",
        ),
        "timeout": said(
            timeout(),
            "How long the step may run, counted from its start, such as 10s or 1h30m. Default: 60m.",
            "步骤从启动起的最长运行时间，如 10s、1h30m。默认 60m。",
        ),
        "volumeMounts": said(
            VOLUME_MOUNTS,
            "Where volumes appear in the container.",
            "卷在容器中的挂载位置。",
        ),
        "workingDir": said(
            text(find=_working_dir_fault, code="bad-path"),
            "The directory in which the step starts.",
            "步骤的工作目录。",
        ),
    }
)
