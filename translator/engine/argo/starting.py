"""Ends a step whose process has not started within its grace.

Left alone, it would wait for its whole timeout besides: Argo's template ``timeout`` has to hold both, and
Argo 3.6 applies it to no pod that was never scheduled. Deleting the pod is no way: for Argo a Pending node
without a pod is one whose pod is to be created again. So the pod is made to fail, which Argo takes like any
failed step, with ``onError: continue`` too:

- one that a kubelet has, by a deadline that is over: the kubelet itself ends it;
- one that was never scheduled, by its status: there is no kubelet to do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import found
from translator.engine.argo.executor_token import TOKEN_VOLUME, secret_name, token_exists
from translator.engine.argo.objects import (
    CORE,
    collection,
    container_states,
    has_ended,
    has_started,
    has_terminated,
    pod_path,
    step_containers,
)
from translator.errors import PermanentError
from translator.observe import pods
from translator.observe.nodes import START_OVERDUE
from translator.observe.reasons import START_TIMEOUT
from translator.task.duration import parse_duration
from translator.workflow.names import START_GRACE


@dataclass(frozen=True, slots=True)
class Failing:
    """How a pod is made to fail.

    Attributes:
        call: the request.
        path: the URL's path.
        change: the JSON merge patch; it holds only for the very version of the pod that it was made of.
    """

    call: Call
    path: str
    change: Mapping[str, Any]


def due(pod: Mapping[str, Any]) -> datetime | None:
    """When the pod is to be ended, if it does not start until then.

    In a pod of several steps that is asked of the step whose turn it is: those before it have ended well.

    Returns:
        None where the step's process has started, where the pod has ended or is being deleted, and where it
        has no grace of ours.
    """
    metadata = pod["metadata"]
    grace = _grace(metadata)
    created = metadata.get("creationTimestamp")
    if grace is None or not created or metadata.get("deletionTimestamp") or has_ended(pod):
        return None
    states = container_states(pod)
    for name in step_containers(pod):
        state = states.get(name, {})
        if not has_started(state) and not has_terminated(state):
            return datetime.fromisoformat(created) + grace
        if state["state"].get("terminated", {}).get("exitCode") != 0:
            return None
    return None


def failing(pod: Mapping[str, Any], missing: str = "") -> Failing:
    """How this pod is made to fail.

    Args:
        pod: as it is now.
        missing: what its volumes lack, in words for people.
    """
    metadata = pod["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    path = pod_path(namespace, name)
    same = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    if pod["spec"].get("nodeName"):
        call = Call("patch", "pods", namespace, name)
        said = {"annotations": {pods.MISSING_ANNOTATION: missing}} if missing else {}
        return Failing(call, path, {"metadata": same | said, "spec": {"activeDeadlineSeconds": 1}})
    told = {"phase": "Failed", "reason": START_TIMEOUT, "message": _message(pod)}
    call = Call("patch", "pods/status", namespace, name)
    return Failing(call, f"{path}/status", {"metadata": same, "status": told})


async def fail(api: ApiServer, pod: Mapping[str, Any]) -> bool:
    """Make a pod fail.

    Returns:
        Whether that is done; else the pod is another one by now, or none: look at it again.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    how = failing(pod, await _missing(api, pod))
    try:
        await api.patch(Step.FAIL_POD, how.call, how.path, how.change)
    except RefusedError as error:
        if error.status in (404, 409):
            return False
        raise
    return True


async def _missing(api: ApiServer, pod: Mapping[str, Any]) -> str:
    """What the pod mounts and does not exist, in Kubernetes' words; empty where nothing is missing.

    That is a ConfigMap, or the token of Argo's executor: a pod without it stays in Init or ContainerCreating,
    and does not say why. Other Secrets may not be looked for.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    try:
        # asked for anew: what the watch keeps of a pod has no volumes
        whole = await found(api, Call("get", "pods", namespace, name), pod_path(namespace, name))
        for volume in (whole or {}).get("spec", {}).get("volumes", ()):
            secret = (volume.get("secret") or {}).get("secretName", "")
            account = secret.removesuffix(secret_name(""))
            if volume["name"] == TOKEN_VOLUME and account != secret:
                if await token_exists(api, namespace, account) is False:
                    return f'secret "{secret}" not found (translator rbac {namespace} makes it)'
                continue
            source = volume.get("configMap") or {}
            if "name" not in source or source.get("optional"):
                continue
            call = Call("get", "configmaps", namespace, source["name"])
            path = f"{collection(CORE, 'configmaps', namespace)}/{source['name']}"
            if await found(api, call, path) is None:
                return f'configmap "{source["name"]}" not found'
    except PermanentError:
        pass  # we may not look: the step ends all the same
    return ""


def _grace(metadata: Mapping[str, Any]) -> timedelta | None:
    text = (metadata.get("annotations") or {}).get(START_GRACE)
    try:
        return timedelta(microseconds=parse_duration(text) // 1000) if text else None
    except ValueError:
        return None  # somebody changed our annotation: Argo's own deadlines still hold


def _message(pod: Mapping[str, Any]) -> str:
    """What Argo shows of it, and what tells the reason to who sees nothing but the Workflow's node."""
    problem = next((sight for sight in pods.read(pod).values() if sight.problem), None)
    return f"{problem.problem}: {problem.problem_message}" if problem else START_OVERDUE
