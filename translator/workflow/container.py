"""What a step's process is, in either layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera.workflows import models as m

from translator.task.model import Task
from translator.workflow import context
from translator.workflow.env import from_file, step_env, with_brace
from translator.workflow.literals import (
    MAX_INLINE_SCRIPTS_BYTES,
    Files,
    data_must_be_file,
    expandable_must_be_file,
    script_must_be_file,
    size,
    split_braces,
)
from translator.workflow.refusal import Faults
from translator.workflow.reserved import CODO_PATH, FILES
from translator.workflow.resources import resource_requirements
from translator.workflow.script import interpreter
from translator.workflow.secret_params import Secrets
from translator.workflow.structure import plain, structure
from translator.workflow.volumes import volume_mounts

SCRIPT_FILE = "/codo/script"
"""Where a script lies that is not inline."""


@dataclass(frozen=True, slots=True)
class Process:
    """One step's process.

    Attributes:
        source: the script that is inline, else None.
        fields: the arguments that Hera's Container, ScriptTemplate and ContainerNode share.
    """

    source: str | None
    fields: dict[str, Any]


class Processes:
    """Makes the steps' processes.

    Args:
        task: the task.
        files: takes literal text.
        faults: takes what cannot be translated.
        secrets: where the secret parameters lie.
        ceilings: the most that a step may have of each resource.
        codo: whether the steps get ``codo``.
        one_pod: layout ``pod``, where no script is inline.
    """

    def __init__(
        self,
        task: Task,
        files: Files,
        faults: Faults,
        *,
        secrets: Secrets,
        ceilings: Mapping[str, str],
        codo: bool,
        one_pod: bool,
    ) -> None:
        self._task = task
        self._files = files
        self._faults = faults
        self._secrets = secrets
        self._ceilings = ceilings
        self._codo = codo
        self._one_pod = one_pod
        scripts = sum(size(step.script or "") for step in task.steps)
        self._all_to_files = one_pod or scripts > MAX_INLINE_SCRIPTS_BYTES

    def process(self, index: int) -> Process:
        """The process of one step."""
        step = self._task.steps[index]
        path = f"taskSpec.steps[{index}]"
        env = step_env(self._task, index, self._files, self._secrets, self._faults)
        mounts = volume_mounts(self._task, index, self._faults)
        if self._codo:
            env += context.env(self._task, as_parameter=not self._one_pod)
            mounts += [context.mount(), *self._codo_mount()]
        source = None
        if step.script is None:
            command, args = self._words(step.command, env), self._words(step.args, env)
        else:
            command, args = interpreter(step.script, f"{path}.script", self._faults), []
            if step.args or self._all_to_files or script_must_be_file(step.script):
                key = self._files.add(f"{step.name}.script", step.script)
                mounts.append(m.VolumeMount(name=FILES, mount_path=SCRIPT_FILE, sub_path=key))
                args = [SCRIPT_FILE, *(self._literal(word, env) for word in step.args)]
            else:
                source = step.script
            command = [split_braces(word) for word in command]
        fields = {
            "image": plain(step.image, f"{path}.image", self._faults),
            "command": command or None,
            "args": args or None,
            "env": with_brace(env, [*command, *args]) or None,
            "image_pull_policy": step.image_pull_policy,
            "resources": resource_requirements(
                self._task.compute_resources, step.compute_resources, self._ceilings
            ),
            "working_dir": plain(step.working_dir, f"{path}.workingDir", self._faults),
            "security_context": structure(
                m.SecurityContext, step.security_context, f"{path}.securityContext", self._faults
            ),
            "volume_mounts": mounts or None,
        }
        return Process(source, fields)

    def _codo_mount(self) -> list[m.VolumeMount]:
        # A containerSet takes no input artifacts without a container called main.
        if not self._one_pod:
            return []
        return [m.VolumeMount(name=FILES, mount_path=CODO_PATH, sub_path=context.CODO_KEY)]

    def _words(self, words: tuple[str, ...], env: list[m.EnvVar]) -> list[str]:
        return [self._word(word, env) for word in words]

    def _word(self, word: str, env: list[m.EnvVar]) -> str:
        if not expandable_must_be_file(word):
            return split_braces(word)
        return self._from_file(word, env)

    def _literal(self, word: str, env: list[m.EnvVar]) -> str:
        """A script's argument, in which nothing is expanded."""
        return self._from_file(word, env) if data_must_be_file(word) else word

    def _from_file(self, word: str, env: list[m.EnvVar]) -> str:
        # Kubernetes expands a word once: what the variable holds stays as it is
        name = f"CODO_TEXT_{len(env)}"
        env.append(from_file(name, self._files.add_text(word), self._files))
        return f"$({name})"
