"""What this process keeps from the programs that it starts: the variables it was started with, its memory.

A step of the local engine runs as the same user. The kernel lets such a process read another's
``/proc/PID/environ`` and memory unless that one says no (prctl(2), PR_SET_DUMPABLE).
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

_PR_SET_DUMPABLE = 4
_KEPT: Final = ("LD_LIBRARY_PATH", "PATH")

CREDENTIALS: Final = (
    *("*password*", "*passwd*", "*passphrase*", "*secret*", "*token*", "*api_key*", "*apikey*"),
    *("*access_key*", "*private_key*"),
)
"""Patterns of variables whose values are masked in every log. Whole words such as ``session`` are left out:
a desktop's ``XDG_SESSION_CLASS=user`` would mask a word that every log has."""


def conceal() -> None:
    """Let no other process of this user read this process's variables or memory, and no core be dumped.

    ``os.environ``, and what later children inherit, stay as they are. A process that has CAP_SYS_PTRACE reads
    everything still; the supervisor takes it from the steps.
    """
    for name, value in os.environ.items():
        # setenv(3) copies the text to another place; afterwards nothing points at what exec left on the stack
        os.putenv(name, value)
    fields = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    begin, end = int(fields[47]), int(fields[48])  # env_start and env_end, fields 50 and 51 (proc(5))
    if 0 < begin < end:
        ctypes.memset(begin, 0, end - begin)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def bare_environment() -> dict[str, str]:
    """The variables that a helper program of ours needs to start; no secret is among them."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
