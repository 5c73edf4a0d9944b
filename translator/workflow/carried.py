"""What a Workflow carries of its task, so that the task goes on when Redis has lost it.

Most of it lies in the Workflow anyway: the ids, the attempt, the steps in their order, the deadline. The
service adds whose it is and the submission, which a later retry needs. A submission that is too large, or has
secret parameters, stays out: such a task is told to its end all the same, but cannot be retried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from translator.task.names import persons_names
from translator.workflow import names
from translator.workflow.deadlines import SPARE_S
from translator.workflow.literals import size
from translator.workflow.metadata import MAX_SHOWN_BYTES
from translator.workflow.rendered import Rendered

MAX_CARRIED_BYTES = 64 * 1024
"""Of a submission: a Workflow should stay below about 500 kB, and Argo rewrites all of it at every step."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a Workflow tells of its task.

    Attributes:
        installation: whose it is; empty: no service submitted it.
        content_hash: of the submission as the service compares it (`translator.store.record.NewTask`).
        args: the submission's args; None: they were too large to be carried, or hold secrets.
        steps: the steps' names, in order.
        timeout_s: the task's, in seconds (rounded up); None: the Workflow has none.
        created: when the Workflow was created, or else started, RFC 3339; empty: the engine does not say.
    """

    task_id: str
    agent_id: str
    attempt: int
    installation: str
    content_hash: str
    args: Mapping[str, Any] | None
    steps: tuple[str, ...]
    timeout_s: int | None
    created: str


def carry(rendered: Rendered, installation: str, content_hash: str, args: Mapping[str, Any]) -> Rendered:
    """The objects, each with whose it is, the Workflow with its submission too.

    Of a submission that is too large or secret, the Workflow has the hash alone.
    """
    metadata = rendered.workflow["metadata"]
    annotations = {**(metadata.get("annotations") or {}), names.INSTALLATION: installation}
    whole = _text({"hash": content_hash, "args": args})
    room = MAX_SHOWN_BYTES - sum(size(name) + size(text) for name, text in annotations.items())
    fits = rendered.secrets is None and size(whole) <= min(MAX_CARRIED_BYTES, room)
    annotations[names.SUBMISSION] = whole if fits else _text({"hash": content_hash})
    workflow = {**rendered.workflow, "metadata": {**metadata, "annotations": annotations}}
    files, secrets = _marked(rendered.files, installation), _marked(rendered.secrets, installation)
    return replace(rendered, workflow=workflow, files=files, secrets=secrets)


def _marked(thing: Mapping[str, Any] | None, installation: str) -> Mapping[str, Any] | None:
    if thing is None:
        return None
    annotations = {**(thing["metadata"].get("annotations") or {}), names.INSTALLATION: installation}
    return {**thing, "metadata": {**thing["metadata"], "annotations": annotations}}


def carried(workflow: Mapping[str, Any]) -> Carried | None:
    """What a Workflow carries; None where no service has submitted it, or it can no longer be read."""
    metadata, spec = workflow["metadata"], workflow.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    steps = _steps(spec, persons_names(annotations))
    began = (workflow.get("status") or {}).get("startedAt") or ""
    try:
        named = names.attempt_of(metadata["name"], annotations[names.TASK_ID])
        submission = json.loads(annotations[names.SUBMISSION])
        seconds = spec.get("activeDeadlineSeconds")
        found = Carried(
            task_id=annotations[names.TASK_ID],
            agent_id=annotations[names.AGENT_ID],
            attempt=named or int((metadata.get("labels") or {})[names.ATTEMPT]),
            installation=annotations[names.INSTALLATION],
            content_hash=submission["hash"],
            args=submission.get("args"),
            steps=steps,
            timeout_s=None if seconds is None else max(1, int(seconds) - SPARE_S),
            created=metadata.get("creationTimestamp") or began,
        )
    except (KeyError, TypeError, ValueError):
        return None
    return found if found.task_id and found.attempt > 0 and steps else None


def _steps(spec: Mapping[str, Any], persons: Mapping[str, str]) -> tuple[str, ...]:
    """The entrypoint's tasks or containers, by their names in the task."""
    for template in spec.get("templates") or ():
        if template.get("name") == spec.get("entrypoint"):
            parts = (template.get("dag") or {}).get("tasks") or (template.get("containerSet") or {}).get(
                "containers"
            )
            return tuple(persons.get(part["name"], part["name"]) for part in parts or ())
    return ()


def _text(data: Mapping[str, Any]) -> str:
    """JSON that people can read in the Workflow; all ASCII where it holds half a surrogate pair."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, separators=(",", ":"), sort_keys=True)
    return text
