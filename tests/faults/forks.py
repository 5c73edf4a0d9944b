"""Forks ``translator`` processes from one that has everything imported already, so that a start is fast.

Each is a process of its own with the code, the arguments and the environment that it would have had from a
shell; only its imports are not done anew. Run as a program, with orders on standard input, one JSON object a
line (argv, env, log, speed), and what became of them on standard output.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import json
import os
import random
import select
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


MODULES = (
    "h11", "kubernetes.aio.client", "kubernetes.aio.config", "translator.cli.main", "translator.cli.serve",
    "translator.engine.argo.engine", "translator.service.factory", "translator.service.full_collections",
    "translator.service.http", "translator.service.log", "uvicorn.protocols.http.auto",
    "uvicorn.protocols.http.h11_impl",
)  # fmt: skip
"""What a running service has imported, those parts too that it imports late."""


def import_all() -> None:
    """Import what a service needs, and translate once: the libraries keep what they made for that."""
    for name in MODULES:
        importlib.import_module(name)
    from translator.service.template import load_template
    from translator.task.parse import parse_task
    from translator.workflow.options import Options
    from translator.workflow.translate import translate

    text = '{"taskSpec": {"displayName": "t", "steps": [{"name": "s", "image": "i", "script": "echo"}]}}'
    task = parse_task(text, task_id="warm", namespace="default").task
    assert task is not None
    translate(task, attempt=1, options=Options(), template=load_template())


class FastSelector(selectors.DefaultSelector):
    """Waits a fraction of the time it is asked to."""

    speed = 1.0

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout and timeout / self.speed)


class FastPolicy(asyncio.DefaultEventLoopPolicy):
    """Event loops whose clock runs so many times faster: every pause, timeout and interval, of whatever part.

    What is compared between processes (deadlines, the times in events) goes by the real clock as ever.
    """

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        selector = FastSelector()
        selector.speed = self._speed
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: time.monotonic() * self._speed  # type: ignore[method-assign]
        return loop


def count_tasks(file: str) -> None:
    """Write down how many asyncio tasks there are, for whoever sent SIGUSR1.

    What only waits for the next full collection of garbage is collected first: it is not held.
    """
    gc.collect()
    fresh = Path(f"{file}.new")
    fresh.write_text(str(len(asyncio.all_tasks())))
    fresh.replace(file)


def become(order: dict[str, Any]) -> None:
    """Be the process that was ordered."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(order["env"])
    random.seed()
    if order["speed"] != 1:
        asyncio.set_event_loop_policy(FastPolicy(order["speed"]))
    signal.signal(signal.SIGUSR1, lambda *_: count_tasks(order["log"] + ".tasks"))
    sys.argv = ["translator", *order["argv"]]
    from translator.cli.main import main

    main()


def fork(order: dict[str, Any], ours: list[int]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for fd in ours:
            os.close(fd)
        if os.getppid() == parent:
            become(order)
            code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - it is the process that ends
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def tell(**fact: Any) -> None:
    os.write(1, json.dumps(fact).encode() + b"\n")


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted at the terminal ends us
    woken, waker = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    import_all()
    gc.freeze()  # so that the children share what is here
    tell(ready=os.getpid())
    heard = b""
    while True:
        readable, _, _ = select.select([0, woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if not pid:
                    break
                tell(ended=pid, code=os.waitstatus_to_exitcode(status))
        if 0 in readable:
            chunk = os.read(0, 65536)
            if not chunk:
                return
            *lines, heard = (heard + chunk).split(b"\n")
            for line in lines:
                tell(started=fork(json.loads(line), [woken, waker]))


if __name__ == "__main__":
    main()
