"""The folders that runs live in: private, one for each run, gone at the end, also after a crash.

``<root>/<engine>/`` holds an engine's runs and a lock that the engine keeps as long as it lives. A folder
whose lock can be taken is a dead engine's, and is removed when the next one starts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from translator.errors import PermanentError

_LOCK = ".lock"


def default_root() -> Path:
    """Where runs live unless an engine is told otherwise: below the system's folder for temporary files."""
    return Path(tempfile.gettempdir()) / f"translator-local-{os.getuid()}"


class EngineFolder:
    """One engine's folder.

    Args:
        root: the folder that all engines of this user share; made if absent.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock: int | None = None
        self.path = root

    def open(self) -> None:
        """Make the folder, and remove those of dead engines.

        Raises:
            PermanentError: the root belongs to someone else, or cannot be written.
        """
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._root.lstat().st_uid != os.getuid():
                raise PermanentError(
                    f"{self._root} belongs to another user", remedy="name another folder for runs"
                )
            guard = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                # one engine at a time: a folder without its lock yet must not look like a dead engine's
                fcntl.flock(guard, fcntl.LOCK_EX)
                self._remove_dead()
                self.path = Path(tempfile.mkdtemp(prefix="engine-", dir=self._root))
                self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            finally:
                os.close(guard)
        except OSError as error:
            raise PermanentError(
                f"cannot use {self._root} for runs: {error.strerror}", remedy="name another folder for runs"
            ) from error

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        if self._lock is not None:
            remove(self.path)
            os.close(self._lock)
            self._lock = None

    def new(self) -> Path:
        """A folder for one run."""
        return Path(tempfile.mkdtemp(prefix="run-", dir=self.path))

    def _remove_dead(self) -> None:
        for folder in self._root.glob("engine-*"):
            try:
                lock = os.open(folder / _LOCK, os.O_RDWR)
            except FileNotFoundError:
                remove(folder)
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)
            except BlockingIOError:
                continue
            finally:
                os.close(lock)


def remove(folder: Path) -> None:
    """Remove a folder whatever a step did to the permissions in it; what belongs to others stays."""

    def open_and_retry(call: Callable[..., Any], path: str, _: Any) -> None:
        try:
            Path(path).parent.chmod(stat.S_IRWXU)
            if not Path(path).is_symlink():
                Path(path).chmod(stat.S_IRWXU)
            call(path)
        except OSError:
            return

    shutil.rmtree(folder, onerror=open_and_retry)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
