"""Runs each step in its image, through ``docker`` or ``podman``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from translator.engine.local.plan import Container, Output, Plan
from translator.engine.local.process import Invocation
from translator.engine.local.refusal import Notice
from translator.engine.local.runner import Ready
from translator.errors import TemporaryError

_UNKEPT = frozenset(
    [
        "affinity",
        "nodeSelector",
        "tolerations",
        "schedulerName",
        "resources",
        "podSpecPatch",
        "hostAliases",
        "dnsConfig",
        "dnsPolicy",
        "hostNetwork",
    ]
)


def run_arguments(ready: Ready) -> tuple[str, ...]:
    """The arguments of ``docker run``; podman takes the same."""
    container, placement = ready.container, ready.placement
    variables = ready.variables()
    command, args = ready.words(variables)
    words = ["run", "--rm", "--init", "-i", "--quiet", "--pull", "never", "--name", ready.name]
    for bind in placement.binds:
        words += ["-v", f"{bind.source}:{bind.target}" + (":ro" if bind.read_only else "")]
    for name, value in variables.items():
        words += ["-e", f"{name}={value}"]
    if container.working_dir:
        words += ["-w", container.working_dir]
    user, group = container.user
    if user is not None:
        words += ["--user", str(user) if group is None else f"{user}:{group}"]
    if command:
        words += ["--entrypoint", command[0]]
    return (*words, container.image, *command[1:], *args)


def must_pull(container: Container, present: bool) -> bool:
    """Whether Kubernetes would pull the image, by its imagePullPolicy and its default."""
    last = container.image.rpartition("/")[2]
    latest = ":" not in last or last.endswith(":latest")
    policy = container.pull_policy or ("Always" if latest and "@" not in last else "IfNotPresent")
    return policy == "Always" or (policy == "IfNotPresent" and not present)


class OciRunner:
    """Starts steps as containers.

    Args:
        program: ``docker`` or ``podman``.
        environment: the variables that the program itself sees.
    """

    def __init__(self, program: str, environment: Mapping[str, str]) -> None:
        self._name = program
        self._environment = dict(environment)
        self._program = ""

    async def start(self) -> None:
        """Find the program, and see whether its daemon answers.

        Raises:
            TemporaryError: one of them is missing.
        """
        program = shutil.which(self._name, path=self._environment.get("PATH"))
        if program is None:
            raise TemporaryError(f"{self._name} is not installed: --runner {self._name} needs it")
        self._program = program
        code, said = await self._run("ps", "--quiet")
        if code:
            raise TemporaryError(f"{self._name} does not answer: {said}")

    def private(self, container: Container, outputs: Sequence[Output]) -> list[str]:  # noqa: ARG002  the protocol's
        """The outputs' folders: a file in an image's own layer could not be read from here."""
        return [str(PurePosixPath(output.path).parent) for output in outputs]

    def examine(self, plan: Plan) -> list[Notice]:
        """What a container lacks of a pod; nothing is refused."""
        fields = dict.fromkeys(field for _, field in plan.ignored if field in _UNKEPT)
        return [Notice("", f"no effect in {self._name}: {', '.join(fields)}")] if fields else []

    async def prepare(self, container: Container) -> str:
        """Pull the image as its imagePullPolicy says; that time is not the step's."""
        absent, _ = await self._run("image", "inspect", container.image)
        if not must_pull(container, not absent):
            return ""
        code, said = await self._run("pull", "--quiet", container.image)
        return f"cannot pull image {container.image}: {said}" if code else ""

    def invocation(self, ready: Ready) -> Invocation | str:
        """The container program's command line; the container is removed whatever becomes of it."""
        return Invocation(
            self._program,
            (self._name, *run_arguments(ready)),
            self._environment,
            str(ready.placement.home),
            cleanup=(self._program, "rm", "--force", ready.name),
        )

    async def _run(self, *words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *words,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode("utf-8", "replace").strip().rpartition("\n")[2][:500]
