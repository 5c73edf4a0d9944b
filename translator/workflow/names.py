"""Every name, label and annotation that a Workflow gets, legal whatever the task is called."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from hashlib import sha256

PREFIX = "codo.dev/"
"""The API group of the operator that this project replaces."""

TASK_ID = PREFIX + "task-id"
"""Label: the task's id, or `label_value` of it. Annotation: the id as it is."""

AGENT_ID = PREFIX + "agent-id"
"""Label and annotation, as `TASK_ID`."""

ATTEMPT = PREFIX + "attempt"
"""Label: the attempt's number."""

SHARD = PREFIX + "shard"
"""Label: the task's shard."""

SPEC_HASH = PREFIX + "spec-hash"
"""Annotation: SHA-256 of the submission; tells a Workflow of an earlier call from another of its name."""

INSTALLATION = PREFIX + "installation"
"""Annotation: whose Workflow it is, where several translators share a cluster; only the service sets it."""

SUBMISSION = PREFIX + "submission"
"""Annotation: what the service needs to take the task up again (`translator.workflow.carried`)."""

STEP = PREFIX + "step"
"""Label of a step's pod: the step's name, or the one made from it."""

STEP_TIMEOUT = PREFIX + "step-timeout"
"""Annotation of a step's pod: the step's timeout as a Go duration."""

START_GRACE = PREFIX + "start-grace"
"""Annotation of every pod: how long a step's process may take to start, as a Go duration."""

LOG_FINALIZER = PREFIX + "logs"
"""Finalizer: log lines may still be unread."""

TITLE = "workflows.argoproj.io/title"
DESCRIPTION = "workflows.argoproj.io/description"
"""Annotations that Argo's UI shows."""

MAX_NAME = 63
"""Argo keeps the Workflow's name in a label value, which Kubernetes limits to 63 characters."""

_HASH_LENGTH = 12
_OF_AN_ATTEMPT = re.compile(rf"task-([a-z0-9-]+-)?[0-9a-f]{{{_HASH_LENGTH}}}-a[0-9]+([-.].*)?", re.DOTALL)
_STEP_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ARGO_CONTAINERS = ("init", "wait")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)


def workflow_name(task_id: str, attempt: int) -> str:
    """The Workflow's name: ``task-<slug of the id>-<hash of the id>-a<attempt>``, at most 63 characters.

    The hash keeps ids apart that differ only in what a name cannot hold.
    """
    start, end = "task-", f"-a{attempt}"
    return f"{start}{_hashed(task_id, MAX_NAME - len(start) - len(end))}{end}"


def labels(task_id: str, agent_id: str, attempt: int, shards: int) -> dict[str, str]:
    """What the objects and pods of an attempt are found by, where tasks are split into so many shards."""
    return {
        TASK_ID: label_value(task_id),
        AGENT_ID: label_value(agent_id),
        ATTEMPT: str(attempt),
        SHARD: str(shard(task_id, shards)),
    }


def attempt_of(workflow: str, task_id: str) -> int | None:
    """The attempt of a task's Workflow by its name, which nobody can edit; None: it is another's name."""
    number = workflow.rpartition("-a")[2]
    # int() takes more than a name holds: signs, blanks and underscores
    if not re.fullmatch(r"[1-9][0-9]{0,17}", number) or workflow_name(task_id, int(number)) != workflow:
        return None
    return int(number)


def files_name(workflow: str) -> str:
    """The name of the ConfigMap that holds a Workflow's literal text."""
    return f"{workflow}-files"


def secrets_name(workflow: str) -> str:
    """The name of the Secret that holds a Workflow's secret parameters."""
    return f"{workflow}-secrets"


def is_of_an_attempt(name: str) -> bool:
    """Whether an object of this name is a Workflow's of ours, or belongs to one."""
    return _OF_AN_ATTEMPT.fullmatch(name) is not None


def shard(task_id: str, shards: int) -> int:
    """The task's shard, from 0 to ``shards - 1``; the same for every attempt and every process."""
    return int(_digest(task_id)[:16], 16) % shards


def label_value(text: str) -> str:
    """The text where it is a legal label value, else its slug and hash; empty stays empty."""
    if not text or _LABEL_VALUE.fullmatch(text):
        return text
    return _hashed(text, MAX_NAME)


def made_names(steps: Sequence[str], *, one_pod: bool) -> tuple[str, ...]:
    """What the steps are called in the Workflow: their own names where Argo takes them, else slug and hash.

    The same names give the same ones, and no two steps are called alike.

    Args:
        steps: the names in the task, each once.
        one_pod: layout ``pod``, where the names are those of containers.
    """
    taken = {name for name in steps if _argo_takes(name, one_pod=one_pod, alone=len(steps) == 1)}
    made: list[str] = []
    for name in steps:
        own = name
        if name not in taken:
            own = _letter_first(name)
            while own in taken:
                own = _letter_first(own)  # somebody has called another step so
            taken.add(own)
        made.append(own)
    return tuple(made)


def _letter_first(name: str) -> str:
    start = "step-"
    slug = _hashed(name, MAX_NAME - len(start))
    return slug if slug[0].isalpha() and len(slug) > _HASH_LENGTH else start + slug


def _argo_takes(name: str, *, one_pod: bool, alone: bool) -> bool:
    """Whether templates, tasks, containers and labels may be called so.

    In a DAG of several tasks none begins with a digit: the API server refuses it for a task that depends on
    another, and Argo cannot evaluate ``0.Succeeded``, which is how it asks of a task whether the next one may
    begin (both run on 4.1.2).
    """
    if not _STEP_NAME.fullmatch(name):
        return False
    return name not in _ARGO_CONTAINERS if one_pod else alone or not name[0].isdigit()


def entrypoint_name(steps: Collection[str]) -> str:
    """The name of the template that holds the steps; templates share one name space with it."""
    name = "task"
    while name in steps:
        name += "-steps"
    return name


def _hashed(text: str, room: int) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[: room - _HASH_LENGTH - 1].strip("-")
    digest = _digest(text)[:_HASH_LENGTH]
    return f"{slug}-{digest}" if slug else digest


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
