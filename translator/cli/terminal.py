"""The terminal that a command was started from: what it may be shown, and what SIGHUP means."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
from typing import IO, Final

RELAYED_S: Final = 5.0
"""Within which SIGHUP comes after a terminal was closed: from the kernel, and once more from a shell."""

_CONTROLS: Final = re.compile(
    r"(?P<colour>\x1b\[[0-9;:]*m)"
    r"|\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""ECMA-48: control sequences (colours are one, SGR), strings for the terminal, other control bytes."""


def shown(text: str, stream: IO[str]) -> str:
    """What a task printed or said, as it may be written to a stream.

    A terminal gets text and colours: other sequences could rewrite the screen, set the window's title, or
    have the terminal type an answer. Whoever reads a pipe or a file gets every byte.
    """
    if not stream.isatty() or not _CONTROLS.search(text):
        return text
    told = _CONTROLS.sub(lambda found: found["colour"] or "", text)
    return told + "\x1b[0m" if "\x1b" in told else told


class Terminal:
    """The controlling terminal of this process, if it has one.

    SIGHUP has two senders. The kernel, or the shell, sends it when the terminal is closed, and the command is
    to stop; whoever changed the settings of ``serve`` sends it to have them read again. Only in the first
    case has the terminal just gone. A command that was started by nohup(1), or that its shell has disowned,
    outlives it.

    Make one before a handler for SIGHUP is set.
    """

    def __init__(self) -> None:
        self.ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._streams = [number for number in (0, 1, 2) if os.isatty(number)]
        self._closed_at: float | None = None
        self._epoll: select.epoll | None = None
        try:
            self._file: int | None = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        except OSError:
            self._file = None

    def watch(self) -> None:
        """Notice from now on, in the running loop, when it is closed."""
        if self._file is None:
            return
        # for nothing but that it is closed: what somebody types there is not ours to read
        self._epoll = select.epoll()
        self._epoll.register(self._file, 0)
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._look)

    def has_just_closed(self) -> bool:
        """Whether a SIGHUP that comes now is because it was closed."""
        self._look()
        now = asyncio.get_running_loop().time()
        return not self.ignored and self._closed_at is not None and now - self._closed_at < RELAYED_S

    def _look(self) -> None:
        if self._epoll is None or not self._epoll.poll(0):
            return
        self._closed_at = asyncio.get_running_loop().time()
        asyncio.get_running_loop().remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._epoll = None
        # what is still written, to stop in order or to go on without it, must not fail with EIO
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in self._streams:
            os.dup2(nowhere, number)
        os.close(nowhere)
