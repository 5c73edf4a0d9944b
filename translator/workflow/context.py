"""How ``codo set-context`` in one step reaches ``codo get-context`` in a later one.

Layout ``dag``: each step has the context as input and output parameter named ``context``. The input is in the
env variable ``CODO_CONTEXT``; the output is read from the file that ``CODO_CONTEXT_FILE`` names, and is the
input where the step wrote none. Layout ``pod``: all steps share that file. The values are encoded (see
`translator.workflow.codo`), so that nothing on their way changes them.

A step can write into that file itself, or put a link there to a file of Argo's ``wait`` container, such as
its token: Argo follows it. So what is handed over is decided outside the step, by the expression of
`arguments`: nothing but what the command writes, digits, ``;`` and ``=``, within the limit. In anything else
Argo would evaluate ``{{=…}}`` when the next step takes it (4.1.2). In its place the next step gets `OVER` or
`FOREIGN`, and ``codo`` there says so. In the layout ``pod`` nobody stands between the steps: ``codo`` judges
the shared file by the same rule when it reads it.
"""

from __future__ import annotations

import re
from functools import cache

from hera.workflows import models as m

from translator.task.model import Step, Task
from translator.workflow.codo import CODO, FOREIGN, OVER, PATTERN
from translator.workflow.options import Options
from translator.workflow.reserved import CODO_PATH, CONTEXT_VOLUME

PARAMETER = "context"
DIRECTORY = "/codo/context"
FILE = f"{DIRECTORY}/values"
CODO_KEY = "codo"
"""The command's key in the ConfigMap (layout ``pod``)."""

MAX_CONTEXT_BYTES = 32 * 1024
"""Of one task: it travels through env variables."""

MAX_CONTEXT_ALL_STEPS_BYTES = 256 * 1024
"""Of all steps together: the Workflow's status keeps it for each."""

MAX_CHAIN = 20
"""How many steps back a value is looked for, where steps left no output at all."""

_MENTION = re.compile(r"(?<!\w)codo(?!\w)")


def wanted(task: Task, options: Options) -> bool:
    """Whether the steps get ``codo``."""
    if options.codo == "auto":
        return any(_mentions(step) for step in task.steps)
    return options.codo == "always"


def _mentions(step: Step) -> bool:
    return any(_MENTION.search(text) for text in (step.script or "", *step.command, *step.args))


def limit(steps: int) -> int:
    """Bytes that the encoded context may have."""
    return min(MAX_CONTEXT_BYTES, MAX_CONTEXT_ALL_STEPS_BYTES // steps)


# What is the same for every step is made once: of a small task it is half of all models.


def env(task: Task, *, as_parameter: bool) -> list[m.EnvVar]:
    """The env variables that ``codo`` reads."""
    return list(_env(limit(len(task.steps)), as_parameter))


@cache
def _env(most: int, as_parameter: bool) -> list[m.EnvVar]:
    variables = [
        m.EnvVar(name="CODO_CONTEXT_FILE", value=FILE),
        m.EnvVar(name="CODO_CONTEXT_LIMIT", value=str(most)),
    ]
    if as_parameter:
        value = f"{{{{inputs.parameters.{PARAMETER}}}}}"
        variables.append(m.EnvVar(name="CODO_CONTEXT", value=value))
    return variables


@cache
def volume() -> m.Volume:
    """Where the file lies: writable for any user, also where the root file system is read-only."""
    return m.Volume(name=CONTEXT_VOLUME, empty_dir=m.EmptyDirVolumeSource())


@cache
def mount() -> m.VolumeMount:
    """The volume in a step."""
    return m.VolumeMount(name=CONTEXT_VOLUME, mount_path=DIRECTORY)


@cache
def inputs() -> m.Inputs:
    """The context that a step gets; the first one gets none."""
    return m.Inputs(parameters=[m.Parameter(name=PARAMETER, default="")])


@cache
def outputs() -> m.Outputs:
    """The context that a step leaves, also when it fails or is ended."""
    unchanged = f"{{{{inputs.parameters.{PARAMETER}}}}}"
    return m.Outputs(
        parameters=[m.Parameter(name=PARAMETER, value_from=m.ValueFrom(path=FILE, default=unchanged))]
    )


def arguments(steps: tuple[Step, ...], index: int) -> m.Arguments | None:
    """What a DAG task passes to its step: the context of the last step before it that left one, if it is one.

    A step without ``onError: continue`` has left its output, or nothing follows it: the chain ends there.
    """
    if index == 0:
        return None
    chain = []
    for step in reversed(steps[max(0, index - MAX_CHAIN) : index]):
        chain.append(f"tasks['{step.name}'].outputs?.parameters?.{PARAMETER}")
        if not step.on_error_continue:
            break
    left = " ?? ".join([*chain, "''"])
    expression = (
        f"let left = {left}; len(left) > {limit(len(steps))} ? '{OVER}' : "
        f"(left matches '{PATTERN}' ? left : '{FOREIGN}')"
    )
    return m.Arguments(parameters=[m.Parameter(name=PARAMETER, value=f"{{{{={expression}}}}}")])


@cache
def codo_artifact() -> m.Artifact:
    """The command as an input of every step (layout ``dag``)."""
    return m.Artifact(name="codo", path=CODO_PATH, mode=0o755, raw=m.RawArtifact(data=CODO))
