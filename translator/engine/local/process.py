"""One step's program as the engine sees it: a supervisor (`supervisor.py`) to talk to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.crash_point import Step, around
from translator.engine.local.concealment import bare_environment
from translator.errors import TemporaryError

SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True, slots=True)
class Invocation:
    """What is to be started, every path as it is on this machine.

    Attributes:
        program: absolute path of the executable.
        argv: the arguments, the program's name first.
        cwd: the folder it starts in.
        sandbox: whether the program is bubblewrap, which puts the user's program into its mounts.
        mounts: what the program is shown, as `bubblewrap.mount_arguments` makes it; empty: what is there.
        root: an empty folder for them.
        cleanup: a command that removes what the program may leave with a daemon, run when it has ended.
    """

    program: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    sandbox: bool = False
    mounts: tuple[str, ...] = ()
    root: str = ""
    cleanup: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        exit_code: as a container shows it (128 + n for signal n); None where it never ran or vanished.
        why: ``deadline`` or ``terminated`` where the supervisor ended it, ``vanished`` where the supervisor
            itself was killed, ``chdir``, ``exec`` or ``sandbox`` where it could not be started; otherwise
            empty.
        errno: of the call that failed to start it.
    """

    exit_code: int | None
    why: str = ""
    errno: int = 0


@dataclass(slots=True)
class Process:
    """A program under its supervisor."""

    _supervisor: asyncio.subprocess.Process
    _fact: Mapping[str, Any] | None = None
    _pid: int = 0

    @classmethod
    async def start(
        cls, invocation: Invocation, *, output: int, limit: float | None, grace: float
    ) -> Process:
        """Start a program.

        Args:
            invocation: what to start.
            output: the descriptor that its standard output and error go to; closed here.
            limit: seconds from its start after which it is ended.
            grace: seconds between SIGTERM and SIGKILL.

        Raises:
            TemporaryError: this machine has no process left for it.
        """
        try:
            supervisor = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(SUPERVISOR),
                str(output),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                pass_fds=(output,),
                # what the service was started with is not for the step, which may read its parent's variables
                env=bare_environment(),
                # a Ctrl-C at the terminal is the engine's to handle
                start_new_session=True,
            )
        except OSError as error:
            raise TemporaryError(f"cannot start a supervisor for {invocation.program}: {error}") from error
        finally:
            os.close(output)
        step = json.dumps(
            {
                "program": invocation.program,
                "argv": invocation.argv,
                "env": dict(invocation.env),
                "cwd": invocation.cwd,
                "timeout": limit,
                "grace": grace,
                "sandbox": invocation.sandbox,
                "mounts": invocation.mounts,
                "root": invocation.root,
                "cleanup": invocation.cleanup,
            }
        ).encode()
        process = cls(supervisor)
        with around(Step.START_PROCESS):
            # until it has its order the supervisor starts nothing
            process._order(b"%08x" % len(step) + step)
        return process

    def terminate(self) -> None:
        """Ask the program to end (SIGTERM), and end it after the grace."""
        self._order(b"term\n")

    def kill(self) -> None:
        """End the program and all that it started, now."""
        self._order(b"kill\n")

    async def started(self) -> bool:
        """Wait until the program runs; False where it could not be started."""
        self._fact = await self._next()
        if self._fact is None or "started" not in self._fact:
            return False
        self._pid = int(self._fact["started"])
        return True

    async def ended(self) -> Ended:
        """Wait, after `started`, until the program and all its descendants have ended."""
        fact = await self._next() if self._pid else self._fact
        await self._supervisor.wait()
        if fact is None:
            # the program itself dies with its supervisor; here what it started, if it is still in its group
            if self._pid:
                with suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
            return Ended(None, "vanished")
        if "failed" in fact:
            return Ended(None, fact["at"], fact["failed"])
        return Ended(fact["exit"], fact["why"])

    async def _next(self) -> Mapping[str, Any] | None:
        stream = self._supervisor.stdout
        line = await stream.readline() if stream else b""
        return json.loads(line) if line else None

    def _order(self, order: bytes) -> None:
        stdin = self._supervisor.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(order)
