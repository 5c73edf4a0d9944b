"""What a manifest asks for, as plain data, before anything touches this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a volume is made from."""

    POD = "pod"
    """An emptyDir: one folder for each pod."""
    RUN = "run"
    """A volumeClaimTemplate: one folder for the whole Workflow."""
    FILES = "files"
    """The ConfigMap of the Workflow."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume that can be given here.

    Attributes:
        files: of a ConfigMap, (path in the volume, content, mode).
    """

    name: str
    kind: Kind
    files: tuple[tuple[str, bytes, int], ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A volume, or one path in it, at an absolute path of a container."""

    volume: Volume
    target: str
    sub_path: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A raw artifact or a script at an absolute path of a container; its text may hold input parameters."""

    target: str
    text: str
    mode: int


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable; `expands` tells whether Kubernetes expands ``$(VAR)`` in it."""

    name: str
    value: str
    expands: bool = True


@dataclass(frozen=True, slots=True)
class Container:
    """One step's program.

    Attributes:
        name: the container's name as messages show it: ``main``, or the step's in a containerSet.
        timeout: seconds from the start of the process, if it has a limit of its own.
        script: whether the last argument is the script's file.
        user: ``runAsUser`` and ``runAsGroup``, for runners that can keep them.
    """

    step: str
    name: str
    image: str
    pull_policy: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[Variable, ...] = ()
    working_dir: str = ""
    files: tuple[File, ...] = ()
    mounts: tuple[VolumeMount, ...] = ()
    timeout: float | None = None
    script: bool = False
    user: tuple[int | None, int | None] = (None, None)
    dependencies: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Every absolute path at which something is mounted."""
        return tuple(mount.target for mount in self.mounts) + tuple(file.target for file in self.files)


@dataclass(frozen=True, slots=True)
class Output:
    """An output parameter, read from a file of the container; `default` where there is none."""

    name: str
    path: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod: a task of the DAG with its template, or the containerSet that is the whole Workflow.

    Attributes:
        task: the node's display name (the step's); for a containerSet the Workflow's.
        inputs: the input parameters' default values; `arguments` (text with tags) override them.
        timeout: seconds that the pod as a whole may run (containerSet), if limited.
    """

    task: str
    template: str
    containers: tuple[Container, ...]
    dependencies: tuple[str, ...] = ()
    continue_failed: bool = False
    continue_error: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A Workflow that can run here.

    Attributes:
        container_set: whether the entrypoint is a containerSet (one pod) rather than a DAG.
        targets: the steps whose ends decide how the whole ends.
        timeout: seconds of the Workflow's activeDeadlineSeconds, if it has one.
        ignored: the manifest's fields that have no effect here and that a user may care for, as
            (step or empty, field).
    """

    name: str
    namespace: str
    entrypoint: str
    container_set: bool
    pods: tuple[Pod, ...]
    targets: tuple[str, ...]
    timeout: float | None = None
    ignored: tuple[tuple[str, str], ...] = ()

    @property
    def containers(self) -> tuple[Container, ...]:
        """All steps' programs, in order."""
        return tuple(container for pod in self.pods for container in pod.containers)

    @property
    def steps(self) -> tuple[str, ...]:
        """All steps' names, in order."""
        return tuple(container.step for container in self.containers)
