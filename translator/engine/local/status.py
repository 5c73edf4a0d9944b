"""The Workflow's status as Argo 4.1 would write it, so that one reducer reads both engines' objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from errno import ENOENT
from os import strerror
from typing import Any

from translator.engine.local.plan import Container, Plan, Pod
from translator.engine.local.process import Ended

DEADLINE = "Pod was active on the node longer than the specified deadline"
SHUTDOWN = "workflow shutdown with strategy:  Terminate"
STOPPED = "Stopped with strategy 'Terminate'"
WORKFLOW_DEADLINE = "Step exceeded its deadline"
VANISHED = "pod deleted"
OMITTED_BY = (WORKFLOW_DEADLINE,)
"""After these stops, unreached steps are nodes, Omitted; after a Terminate they have none."""
OMITTED = "omitted: depends condition not met"

EXIT_NOT_FOUND = 64
"""Argo's executor exits with it where it cannot start the command, and where a container depends on a failed
one."""
EXIT_START_ERROR = 128
"""Kubernetes shows it where a container runtime could not start the container."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a node ended: Argo's phase, message and exit code."""

    phase: str
    message: str = ""
    exit_code: int | None = None


def outcome(ended: Ended, container: Container, program: str, stopped: str) -> Outcome:
    """What Argo would say of a program's end.

    Args:
        ended: how it ended.
        container: whose program it was.
        program: what was started.
        stopped: the message that the engine stopped the whole Workflow with, if it did.
    """
    name, code = container.name, ended.exit_code
    match ended.why:
        case "vanished":
            end = Outcome("Error", VANISHED)
        case "exec":
            end = not_found(container, program, ended.errno)
        case "chdir":
            end = _start_error(name, f"no working directory {container.working_dir or '.'}")
        case "sandbox":
            end = _start_error(name, "the step's mounts could not be made; the log says why")
        case "terminated":
            end = Outcome("Failed", stopped or SHUTDOWN, code)
        case "deadline":
            end = Outcome("Failed", DEADLINE, code)
        case _ if code == 0:
            end = Outcome("Succeeded", "", 0)
        case _:
            end = Outcome("Failed", f"{name}: Error (exit code {code})", code)
    return end


def not_found(container: Container, program: str, errno: int = ENOENT) -> Outcome:
    """The program is not there, or cannot be executed."""
    detail = strerror(errno).lower()
    if not program.startswith("/"):
        detail = "executable file not found in $PATH"
    elif errno == ENOENT:
        detail = f"stat {program}: {detail}"
    text = f'failed to find name in PATH: exec: "{program}": {detail}'
    return Outcome("Failed", f"{container.name}: Error (exit code {EXIT_NOT_FOUND}): {text}", EXIT_NOT_FOUND)


def dependency_failed(container: Container, on: str, code: int) -> Outcome:
    """A container of a containerSet whose dependency failed."""
    detail = f'dependency "{on}" exited with non-zero code: {code}'
    return Outcome("Error", f"{container.name}: Error (exit code {EXIT_NOT_FOUND}): {detail}", EXIT_NOT_FOUND)


def _start_error(name: str, detail: str) -> Outcome:
    return Outcome("Failed", f"{name}: StartError (exit code {EXIT_START_ERROR}): {detail}", EXIT_START_ERROR)


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds (Argo has whole seconds; steps here are often shorter)."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def node_id(workflow: str, name: str) -> str:
    """Argo's node id: the Workflow's name and the FNV-1a hash of the node's (workflow/util: ``NodeID``)."""
    if name == workflow:
        return name
    digest = 0x811C9DC5
    for byte in name.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{workflow}-{digest}"


@dataclass(slots=True)
class Board:
    """What is known of a run: its nodes, kept in Argo's form.

    Attributes:
        version: goes up with every change.
    """

    plan: Plan
    manifest: Mapping[str, Any]
    uid: str
    version: int = 0
    _shut_down: bool = False
    _status: dict[str, Any] = field(default_factory=dict)
    _nodes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def shut_down(self) -> None:
        """Somebody ordered the Workflow's end."""
        self._shut_down = True

    def begin(self, *, now: str) -> None:
        """The Workflow starts, and with it the node of its entrypoint."""
        plan = self.plan
        self._status = {"phase": "Running", "startedAt": now, "finishedAt": None}
        kind = "Pod" if plan.container_set else "DAG"
        self._nodes[plan.name] = {
            "id": plan.name,
            "name": plan.name,
            "displayName": plan.name,
            "type": kind,
            "templateName": plan.entrypoint,
            "phase": "Running",
            "startedAt": now,
            "finishedAt": None,
        }
        self.version += 1

    def add(self, name: str, template: str, *, now: str, kind: str = "Pod") -> None:
        """A step's node, Pending."""
        node = node_id(self.plan.name, f"{self.plan.name}.{name}")
        self._nodes[node] = {
            "id": node,
            "name": f"{self.plan.name}.{name}",
            "displayName": name,
            "type": kind,
            "templateName": template,
            "boundaryID": self.plan.name,
            "phase": "Pending",
            "startedAt": now,
            "finishedAt": None,
        }
        self.version += 1

    def running(self, name: str, *, now: str) -> None:
        """A step's process has started."""
        self._node(name).update(phase="Running", startedAt=now)
        self.version += 1

    def ended(self, name: str, end: Outcome, *, now: str, outputs: Mapping[str, str] | None = None) -> None:
        """A step's node has ended."""
        node = self._node(name)
        node.update(phase=end.phase, finishedAt=now)
        if end.message:
            node["message"] = end.message
        said: dict[str, Any] = {}
        if outputs:
            said["parameters"] = [{"name": key, "value": value} for key, value in outputs.items()]
        if end.exit_code is not None:
            said["exitCode"] = str(end.exit_code)
        if said:
            node["outputs"] = said
        self.version += 1

    def omitted(self, pod: Pod, *, now: str) -> None:
        """A step will not run, since one before it failed."""
        self.add(pod.task, pod.template, now=now, kind="Skipped")
        self.ended(pod.task, Outcome("Omitted", OMITTED), now=now)

    def finish(self, phase: str, *, now: str, message: str = "", root: str = "") -> None:
        """The Workflow has ended.

        Args:
            phase: of the Workflow and of its entrypoint's node.
            now: when.
            message: the Workflow's.
            root: the message of the entrypoint's node.
        """
        node = self._nodes[self.plan.name]
        node.update(phase=phase, finishedAt=now)
        if root:
            node["message"] = root
        self._status.update(phase=phase, finishedAt=now)
        if message:
            self._status["message"] = message
        self.version += 1

    @property
    def finished(self) -> bool:
        """Whether the Workflow has ended."""
        return bool(self._status.get("finishedAt"))

    def object(self) -> dict[str, Any]:
        """The Workflow as it is now."""
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {**self.manifest["metadata"], "uid": self.uid, "resourceVersion": str(self.version)},
            "spec": self.manifest["spec"] | ({"shutdown": "Terminate"} if self._shut_down else {}),
            "status": {**self._status, "nodes": {key: dict(node) for key, node in self._nodes.items()}},
        }

    def _node(self, name: str) -> dict[str, Any]:
        return self._nodes[node_id(self.plan.name, f"{self.plan.name}.{name}")]
