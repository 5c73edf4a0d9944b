"""Runs steps as processes of this machine, with mounts of their own where the kernel or bubblewrap gives any.

Without mounts, ``codo`` and other mounted programs are found on PATH, and paths that would have been mounted
are moved: env values, arguments and working directories that name them are rewritten; a script's text is not.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from translator.engine.local.bubblewrap import mount_arguments
from translator.engine.local.interpreter import find_command
from translator.engine.local.placement import Bind, Placement
from translator.engine.local.plan import Container, Output, Plan, VolumeMount
from translator.engine.local.process import Invocation, Process
from translator.engine.local.refusal import Notice, refused
from translator.engine.local.relocation import Relocation
from translator.engine.local.runner import Ready
from translator.engine.local.supervisor import SANDBOX_FD
from translator.observe.reasons import INTERPRETER_MISSING

INHERITED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TZ", "USER")
"""The variables of this machine that a step sees; the rest, secrets among them, are not its business."""

HOME = Path("/argo/home")
"""Where a step with mounts of its own finds its folder, whatever it mounts elsewhere."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class HereRunner:
    """Starts steps as processes.

    Args:
        environment: the variables of this process.
        bubblewrap: whether steps get mounts of their own, if that works here.
    """

    def __init__(self, environment: Mapping[str, str], *, bubblewrap: bool = True) -> None:
        self._environment = {name: environment[name] for name in INHERITED if name in environment}
        self._environment.setdefault("PATH", DEFAULT_PATH)
        self._wanted = bubblewrap
        self._bwrap: str | None = None
        self._mounts = False

    async def start(self) -> None:
        """See how steps can get mounts (they need namespaces of users, or root), or by bubblewrap.

        Some systems let bubblewrap alone have such namespaces.
        """
        if not self._wanted:
            return
        self._mounts = await _can_mount()
        program = shutil.which("bwrap", path=self._environment["PATH"])
        if self._mounts or program is None:
            return
        trial = await asyncio.create_subprocess_exec(
            program,
            *("--dev-bind", "/", "/", "--tmpfs", "/usr/local/bin", "--", "/bin/true"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        if await trial.wait() == 0:
            self._bwrap = program

    def private(self, container: Container, outputs: Sequence[Output]) -> list[str]:
        """The working directory and the outputs' folders that this machine lacks."""
        folders = [container.working_dir] if container.working_dir else []
        folders += [str(PurePosixPath(output.path).parent) for output in outputs]
        return [folder for folder in folders if not Path(folder).exists()]

    def examine(self, plan: Plan) -> list[Notice]:
        """What differs from the steps' images; see `translator.engine.local.runner.Runner`."""
        images = dict.fromkeys(container.image for container in plan.containers if container.image)
        notices = [Notice("", f"the steps run on this machine, not in {_listed(list(images))}")]
        fields = dict.fromkeys(field for _, field in plan.ignored)
        if fields:
            notices.append(Notice("", f"no effect on this machine: {_listed(list(fields))}"))
        for container in plan.containers:
            notices += self._examine(container)
        return notices

    async def prepare(self, container: Container) -> str:  # noqa: ARG002  the protocol's
        """There is nothing to prepare."""
        return ""

    def invocation(self, ready: Ready) -> Invocation | str:
        """A process, with mounts of its own where it has any; see `translator.engine.local.runner.Runner`."""
        placement = ready.placement
        home = Bind(str(HOME), placement.home)
        in_place = (self._bwrap or self._mounts) and placement.binds
        mounts = mount_arguments([*placement.binds, home]) if in_place else None
        inside = placement.home if mounts is None else HOME
        moved = [(path, inside / file.relative_to(placement.home)) for path, file in placement.moved]
        if mounts is None:
            moved += [(bind.target, bind.source) for bind in placement.binds]
        move = Relocation(moved, inside.parent)
        variables = ready.variables(move)
        path = variables.get("PATH", self._environment["PATH"])
        path = _with_folder(path, placement, in_place=mounts is not None)
        command, args = ready.words(variables)
        command = tuple(move(word) for word in command)
        found = find_command(command, path, lambda file: _is_program(placement, file, mounts is not None))
        if found is None:
            return command[0]
        env = {**self._environment, "TMPDIR": str(inside / "tmp"), **variables, "PATH": path}
        argv = (command[0], *found[1:], *(move(arg) for arg in args))
        cwd = move(ready.container.working_dir) or str(inside / "work")
        if mounts is None:
            return Invocation(found[0], argv, env, cwd)
        if self._bwrap is None:
            root = placement.home / "root"
            root.mkdir(exist_ok=True)
            return Invocation(found[0], argv, env, cwd, mounts=tuple(mounts), root=str(root))
        words = ("--die-with-parent", "--json-status-fd", str(SANDBOX_FD), *mounts, "--chdir", cwd, "--")
        return Invocation(self._bwrap, ("bwrap", *words, found[0], *argv[1:]), env, "/", sandbox=True)

    def _examine(self, container: Container) -> list[Notice]:
        step = container.step
        if not container.command:
            raise refused(
                step,
                f"gives no command of its own: that of its image {container.image} is not on this machine",
                reason=INTERPRETER_MISSING,
                remedy="state the command, or run with --runner docker",
            )
        path = next((one.value for one in container.env if one.name == "PATH"), self._environment["PATH"])
        targets = [PurePosixPath(target) for target in container.targets]

        def runnable(file: str) -> bool:
            # what is mounted is not there yet; whether it can be run shows when it is
            here = PurePosixPath(file)
            return any(here.is_relative_to(target) for target in targets) or _is_executable(Path(file))

        word = container.command[0]
        if "$(" in word or "{{" in word:
            return []
        mounted = [str(target.parent) for target in targets if target.parent.name in ("bin", "sbin")]
        found = find_command(container.command, ":".join([*mounted, path]), runnable)
        if found is None:
            raise refused(
                step,
                f"{' '.join(container.command[:2])} is not on this machine",
                reason=INTERPRETER_MISSING,
                remedy="install it, or run with --runner docker",
            )
        notices = []
        if word.startswith("/") and found[0] != word:
            notices.append(Notice(step, f"{word} is not on this machine; {found[0]} runs instead"))
        if len(found) > 1 and found[1] != container.command[1]:
            notices.append(
                Notice(step, f"{container.command[1]} is not on this machine; {found[1]} runs instead")
            )
        if self._bwrap is None and not self._mounts:
            notices += _moved_paths(container)
        if container.working_dir and Path(container.working_dir).exists() and not _mounted(container):
            notices.append(Notice(step, f"works in this machine's own {container.working_dir}"))
        elif container.working_dir and not Path(container.working_dir).exists() and not _mounted(container):
            notices.append(
                Notice(
                    step, f"{container.working_dir} is not on this machine; an empty folder takes its place"
                )
            )
        return notices


def _moved_paths(container: Container) -> list[Notice]:
    moved = Relocation(((mount.target, Path()) for mount in container.mounts), Path("/nowhere"))
    text = "\n".join(file.text for file in container.files if container.script)
    # the volume holds the scripts of all steps; those of this one are what its command names
    words = (*container.command, *container.args)
    text += "\n".join(
        content.decode("utf-8", "replace")
        for mount in container.mounts
        for path, content, _ in mount.volume.files
        if any(_shown_at(mount, path) == word for word in words)
    )
    return [
        Notice(
            container.step,
            f"its script mentions {target}, which lies elsewhere here (mounts are not allowed)",
        )
        for target in moved.mentioned(text)
    ]


def _shown_at(mount: VolumeMount, path: str) -> str:
    """Where a mount shows a file of its volume; empty: nowhere."""
    if not mount.sub_path:
        return f"{mount.target}/{path}"
    if path == mount.sub_path:
        return mount.target
    inside = f"{mount.sub_path}/"
    return f"{mount.target}/{path.removeprefix(inside)}" if path.startswith(inside) else ""


async def _can_mount() -> bool:
    """Whether a process of ours may have mounts of its own, tried on a small scale."""
    with tempfile.TemporaryDirectory(prefix="translator-mounts-") as folder:
        words = ("--dev-bind", "/", "/", "--tmpfs", "/usr/local/bin")
        invocation = Invocation("/bin/sh", ("sh", "-c", ":"), {}, "/", mounts=words, root=folder)
        output = os.open(os.devnull, os.O_WRONLY)
        process = await Process.start(invocation, output=output, limit=5.0, grace=0.0)
        await process.started()
        return (await process.ended()).exit_code == 0


def _mounted(container: Container) -> bool:
    place = PurePosixPath(container.working_dir)
    return any(place.is_relative_to(target) for target in container.targets)


def _with_folder(path: str, placement: Placement, *, in_place: bool) -> str:
    """PATH with the folders of mounted programs (``codo``) first."""
    programs = [bind for bind in placement.binds if PurePosixPath(bind.target).parent.name in ("bin", "sbin")]
    if in_place:
        folders = [str(PurePosixPath(bind.target).parent) for bind in programs]
        return ":".join(
            [folder for folder in dict.fromkeys(folders) if folder not in path.split(":")] + [path]
        )
    folder = placement.home / "bin"
    folder.mkdir(exist_ok=True)
    for bind in programs:
        link = folder / PurePosixPath(bind.target).name
        if not link.is_symlink():
            link.symlink_to(bind.source)
    return f"{folder}:{path}" if programs else path


def _is_program(placement: Placement, path: str, in_place: bool) -> bool:
    return _is_executable(placement.source(path) if in_place else Path(path))


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _listed(names: list[str]) -> str:
    return (
        names[0]
        if len(names) == 1
        else f"{', '.join(names[:-1])} and {names[-1]}"
        if names
        else "a container"
    )
