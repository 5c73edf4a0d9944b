"""Layout ``pod``: one containerSet template, whose containers are the steps.

Argo can keep no deadline and no ``onError: continue`` for one container (see `translator.workflow.layout`).
"""

from __future__ import annotations

from hera.workflows import models as m

from translator.task.model import Task
from translator.workflow.container import Processes


def container_set_template(task: Task, entrypoint: str, processes: Processes) -> m.Template:
    """The one template; each container waits for the one before."""
    containers = [
        m.ContainerNode(
            name=step.name,
            dependencies=[task.steps[index - 1].name] if index else None,
            **processes.process(index).fields,
        )
        for index, step in enumerate(task.steps)
    ]
    return m.Template(name=entrypoint, container_set=m.ContainerSetTemplate(containers=containers))
