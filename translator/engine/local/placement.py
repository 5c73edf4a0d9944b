"""Lays a pod's volumes, files and outputs out in the run's folder, and knows where each path lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from translator.engine.local.plan import Container, Kind, Output, VolumeMount
from translator.engine.local.templating import fill_inputs


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or file of this machine at an absolute path of a container."""

    target: str
    source: Path
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a container's paths lie on this machine.

    Attributes:
        home: the container's own folder; it starts in ``home/work``.
        binds: outer paths first.
        moved: output files that cannot be bound: (path in the container, path here).
    """

    home: Path
    binds: tuple[Bind, ...]
    moved: tuple[tuple[str, Path], ...] = ()

    def source(self, path: str) -> Path:
        """Where a path of the container lies here; a path that nothing is mounted at lies where it says."""
        pure = PurePosixPath(path)
        for target, source in self.moved:
            if path == target:
                return source
        for bind in reversed(self.binds):
            if pure.is_relative_to(bind.target):
                return bind.source / pure.relative_to(bind.target)
        return Path(path)

    def is_mounted(self, path: str) -> bool:
        """Whether a path lies at or below something mounted."""
        return any(PurePosixPath(path).is_relative_to(bind.target) for bind in self.binds)


class PodFolder:
    """One pod's part of a run's folder.

    Args:
        run: the run's folder; volumes of the whole run lie there.
        pod: the pod's own folder in it.
    """

    def __init__(self, run: Path, pod: Path) -> None:
        self._run = run
        self._pod = pod
        self._volumes: dict[str, Path] = {}

    def place(
        self,
        container: Container,
        inputs: Mapping[str, str],
        outputs: Sequence[Output],
        private: Sequence[str],
    ) -> Placement:
        """Make all that a container needs.

        Args:
            container: what is to run.
            inputs: the values of its input parameters.
            outputs: the files to be read when it has ended.
            private: paths at which it gets an empty folder, unless something is mounted there.
        """
        home = self._pod / f"c{len(list(self._pod.glob('c*')))}"
        for folder in (home / "work", home / "tmp", home / "files"):
            folder.mkdir(parents=True, mode=0o755)
        binds = [self._mount(mount) for mount in container.mounts]
        for number, file in enumerate(container.files):
            path = home / "files" / str(number)
            path.write_bytes(fill_inputs(file.text, inputs).encode())
            path.chmod(file.mode)
            binds.append(Bind(file.target, path))
        moved: list[tuple[str, Path]] = []
        if container.working_dir:
            # a container runtime makes a working directory that is not there
            mounted = Placement(home, _outer_first(binds))
            if (
                mounted.is_mounted(container.working_dir)
                and not mounted.source(container.working_dir).exists()
            ):
                _make_writable(mounted.source(container.working_dir))
        for target in dict.fromkeys(private):
            if (
                target.startswith("/")
                and target != "/"
                and not Placement(home, tuple(binds)).is_mounted(target)
            ):
                binds.append(Bind(target, _make_writable(home / f"private{len(binds)}")))
        done = Placement(home, _outer_first(binds))
        for output in outputs:
            if not done.is_mounted(output.path):
                path = _make_writable(home / "outputs") / str(len(moved))
                moved.append((output.path, path))
        return Placement(home, done.binds, tuple(moved))

    def _mount(self, mount: VolumeMount) -> Bind:
        volume = mount.volume
        shared = self._run if volume.kind is Kind.RUN else self._pod
        root = self._volumes.setdefault(volume.name, shared / "volumes" / f"v-{volume.name}")
        if not root.exists():
            _make_writable(root)
            for path, content, mode in volume.files:
                file = root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(mode)
        source = root / mount.sub_path if mount.sub_path else root
        if not source.exists():
            _make_writable(source)
        return Bind(mount.target, source, mount.read_only or volume.kind is Kind.FILES)


def _outer_first(binds: list[Bind]) -> tuple[Bind, ...]:
    return tuple(sorted(binds, key=lambda bind: len(PurePosixPath(bind.target).parts)))


def _make_writable(folder: Path) -> Path:
    """A folder that any user may write in, as an emptyDir is."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder
