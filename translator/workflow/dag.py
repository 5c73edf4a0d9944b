"""Layout ``dag``: a DAG template, and a template with a pod for each step.

Unlike a Steps template, it keeps unreached steps as nodes (Omitted), and ``continueOn`` also holds for a step
that was never scheduled.

``target`` names every task. Without it Argo judges a DAG by its last task alone: where that task has
``continueOn`` and was Omitted, the Workflow is Succeeded, although a step before it failed (Argo 4.1.2).
"""

from __future__ import annotations

from hera.workflows import models as m

from translator.task.duration import format_duration
from translator.task.model import Task
from translator.workflow import context
from translator.workflow.container import Process, Processes
from translator.workflow.deadlines import step_seconds
from translator.workflow.names import STEP, STEP_TIMEOUT
from translator.workflow.options import Options


def dag_templates(
    task: Task, entrypoint: str, processes: Processes, options: Options, *, codo: bool
) -> list[m.Template]:
    """The entrypoint, then the steps' templates."""
    tasks = [_task(task, index, codo=codo) for index in range(len(task.steps))]
    steps = [
        _step(task, index, processes.process(index), options, codo=codo) for index in range(len(task.steps))
    ]
    target = " ".join(step.name for step in task.steps)
    return [m.Template(name=entrypoint, dag=m.DAGTemplate(tasks=tasks, target=target)), *steps]


def _task(task: Task, index: int, *, codo: bool) -> m.DAGTask:
    step = task.steps[index]
    return m.DAGTask(
        name=step.name,
        template=step.name,
        dependencies=[task.steps[index - 1].name] if index else None,
        continue_on=m.ContinueOn(failed=True, error=True) if step.on_error_continue else None,
        arguments=context.arguments(task.steps, index) if codo else None,
    )


def _step(task: Task, index: int, process: Process, options: Options, *, codo: bool) -> m.Template:
    step = task.steps[index]
    seconds = step_seconds(step.timeout_ns, options.start_grace_s)
    template = m.Template(
        name=step.name,
        metadata=m.Metadata(
            labels={STEP: step.name}, annotations={STEP_TIMEOUT: format_duration(step.timeout_ns)}
        ),
        inputs=context.inputs() if codo else None,
        outputs=context.outputs() if codo else None,
        active_deadline_seconds=m.IntOrString(root=seconds),
        timeout=f"{seconds}s",
    )
    if process.source is None:
        template.container = m.Container(**process.fields)
    else:
        template.script = m.ScriptTemplate(source=process.source, **process.fields)
    return template
