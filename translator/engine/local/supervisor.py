"""The first process of a step: starts the user's program, ends it in time, and lets nothing of it live on.

It is to a step what a container's init and its runtime are, and runs as a program of its own, with the
standard library alone: ``python -I -S supervisor.py OUTPUT_FD``. Its input is the step (`read_step`), then
orders, one a line: ``term`` (SIGTERM, after the grace SIGKILL) and ``kill``. The end of its input means that
the engine is gone. It answers with one JSON object a line: ``{"started": pid}``, then ``{"exit": code, "why":
"" | "deadline" | "terminated"}``, or ``{"failed": errno, "at": "chdir" | "exec" | "sandbox"}`` where the
program could not be started.

Descendants cannot leave: the supervisor is their subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), so those that
change their process group or session, or lose their parent, become its children, and all are killed when the
program has ended, as the processes of a container are when its first one has. Should the supervisor itself be
killed, the program dies by PR_SET_PDEATHSIG; only descendants of its own that outlive it are not caught then.

The program cannot trace (read the memory and variables of) processes that are not dumpable, the service and
the supervisors among them, even where it runs as root: it has no CAP_SYS_PTRACE, as in a pod.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER = 47, 3
CAP_SYS_PTRACE = 19
SANDBOX_FD = 3
"""Where bubblewrap says how far it came (its --json-status-fd)."""
SWEEP_S = 0.002
"""Seconds between two looks for what is still alive after SIGKILL."""
GIVE_UP_S = 10.0
"""Seconds after which a process that SIGKILL does not end (it hangs in the kernel) is left behind."""
CLEANUP_S = 20.0
"""Seconds that the clean-up command of a container runtime may take."""
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
KEPT_FLAGS = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
"""Of statvfs(3) → of mount(2): what a mount has of these, nobody but its owner may take from it."""


def descendants(of: int) -> list[int]:
    """Process ids of all that descend from a process, from /proc (proc(5): the fourth field of stat)."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  pathlib would double the start of every step
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123  as above
                    parent = int(file.read().rpartition(b") ")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found: list[int] = []
    waiting = [of]
    while waiting:
        mine = children.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found


def send(signum: int, pids: list[int]) -> None:
    """Signal processes; those that ended meanwhile, or belong to another user, are passed over."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue


def tell(**fact: Any) -> None:
    """Report one fact to the engine, if it is still there to read it."""
    try:
        os.write(1, json.dumps(fact).encode() + b"\n")
    except BrokenPipeError:
        return


def spawn(
    step: dict[str, Any], output: int, sandbox: int | None, libc: Any
) -> tuple[int, tuple[str, int] | None]:
    """Start the program in a session of its own.

    Returns:
        Its process id, and where it failed to start: at which call, and the errno.
    """
    reader, writer = os.pipe()
    mother = os.getpid()
    pid = os.fork()
    if pid == 0:
        at = "chdir"
        try:
            os.setsid()
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != mother:
                os._exit(1)
            # refused (without root) where the program would not have it anyway
            libc.prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_SYS_PTRACE, 0, 0)
            # A program in a container begins with the system's defaults. Python and the supervisor ignore
            # some signals, and whoever started the service others (nohup: SIGHUP, a shell's &: SIGINT).
            for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(signum, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            # Argo's executor sets 0: here that would leave files that anybody may change.
            os.umask(0o022)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            if sandbox is not None:
                os.dup2(sandbox, SANDBOX_FD)
            if step["mounts"]:
                at = "sandbox"
                enter_mounts(step["mounts"], step["root"], libc)
                at = "chdir"
            os.chdir(step["cwd"])
            at = "exec"
            os.execve(step["program"], step["argv"], step["env"])  # noqa: S606  no shell is wanted
        except OSError as error:
            if at == "sandbox":
                os.write(2, f"{error}\n".encode())
            os.write(writer, f"{at} {error.errno}".encode())
        finally:
            os._exit(127)
    os.close(writer)
    if sandbox is not None:
        os.close(sandbox)
    failure = os.read(reader, 64)
    os.close(reader)
    os.close(output)
    if not failure:
        return pid, None
    at, _, errno = failure.decode().partition(" ")
    return pid, (at, int(errno))


def call(libc: Any, name: str, *args: Any) -> None:
    """Call a function of libc that returns 0, or raise what it says."""
    ctypes.set_errno(0)
    if getattr(libc, name)(*args):
        raise OSError(ctypes.get_errno(), f"{name} {args}: {os.strerror(ctypes.get_errno())}")


def enter_mounts(words: list[str], root: str, libc: Any) -> None:
    """Give this process mounts of its own, in a namespace that ends with it; nothing on disk changes.

    Args:
        words: as `translator.engine.local.bubblewrap.mount_arguments` makes them.
        root: an empty folder, at which the step's file system is put together.
        libc: the C library.
    """
    uid, gid = os.getuid(), os.getgid()
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # or its own files in /proc are root's
    if uid or libc.unshare(CLONE_NEWNS):
        # another user than root, or a root without CAP_SYS_ADMIN, may do so in a namespace of users
        call(libc, "unshare", CLONE_NEWUSER | CLONE_NEWNS)
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        texts = {"setgroups": "deny", "uid_map": f"{uid} {uid} 1", "gid_map": f"{gid} {gid} 1"}
        for name, text in texts.items():
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123  as above
                file.write(text)
        # the kernel has taken it back with the change of credentials
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    call(libc, "mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    if words[:3] == ["--dev-bind", "/", "/"]:
        call(libc, "mount", b"/", root.encode(), None, MS_BIND | MS_REC, None)
        words = words[3:]
    else:
        call(libc, "mount", b"tmpfs", root.encode(), b"tmpfs", 0, b"mode=0755")
    mode = "0755"
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--perms":
            mode = words.pop(0)
        elif word == "--tmpfs":
            folder = root + words.pop(0)
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  as above
            call(libc, "mount", b"tmpfs", folder.encode(), b"tmpfs", 0, f"mode={mode}".encode())
        elif word == "--symlink":
            target, link = words.pop(0), words.pop(0)
            os.symlink(target, root + link)  # noqa: PTH211  as above
        else:
            bind(word, words.pop(0), root + words.pop(0), libc)
    os.chroot(root)


def bind(word: str, source: str, target: str, libc: Any) -> None:
    """Mount a folder or file at another place."""
    if word == "--dev-bind-try" and not os.path.exists(source):  # noqa: PTH110  as above
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120  as above
    if os.path.isdir(source):  # noqa: PTH112  as above
        os.makedirs(target, exist_ok=True)  # noqa: PTH103  as above
    elif not os.path.exists(target):  # noqa: PTH110  as above
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    call(libc, "mount", os.fsencode(source), os.fsencode(target), None, MS_BIND | MS_REC, None)
    if word == "--ro-bind":
        has = os.statvfs(target).f_flag
        flags = sum(flag for told, flag in KEPT_FLAGS.items() if has & told)
        call(libc, "mount", None, os.fsencode(target), None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, None)


class Guard:
    """Watches one program until it has ended, by itself, by the deadline or by an order.

    Args:
        pid: the program.
        step: what `main` read.
        started: monotonic time of its start.
    """

    def __init__(self, pid: int, step: dict[str, Any], started: float) -> None:
        self.pid = pid
        self.grace = float(step["grace"])
        # bubblewrap's own process passes no signal on: it dies of SIGTERM, and its child with it
        self.spared = {pid} if step["sandbox"] else set()
        self.deadline = started + float(step["timeout"]) if step["timeout"] is not None else None
        self.kill_at: float | None = None
        self.why = ""
        self.code: int | None = None

    def end(self, why: str, now: float) -> None:
        """Ask the program to end; SIGKILL follows after the grace."""
        if not self.why:
            self.why = why
            self.kill_at = now + self.grace
            send(signal.SIGTERM, [p for p in descendants(os.getpid()) if p not in self.spared])

    def reap(self) -> bool:
        """Collect ended children; whether any is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                code = os.waitstatus_to_exitcode(status)
                # a container shows the end by signal n as 128 + n
                self.code = code if code >= 0 else 128 - code

    def kill_all(self) -> None:
        """End every descendant and wait until they are gone."""
        until = time.monotonic() + GIVE_UP_S
        while True:
            send(signal.SIGKILL, descendants(os.getpid()))
            if not self.reap() or time.monotonic() > until:
                return
            time.sleep(SWEEP_S)

    def watch(self, wakeup: int) -> None:
        """Return when the program has ended, or has to be killed."""
        heard = b""
        while True:
            self.reap()
            now = time.monotonic()
            if self.code is not None or (self.kill_at is not None and now >= self.kill_at):
                return
            if self.deadline is not None and now >= self.deadline:
                self.end("deadline", now)
            until = self.kill_at if self.why else self.deadline
            readable, _, _ = select.select(
                [0, wakeup], [], [], None if until is None else max(0.0, until - now)
            )
            if wakeup in readable:
                os.read(wakeup, 4096)
            if 0 in readable:
                chunk = os.read(0, 4096)
                if not chunk:
                    self.why = self.why or "terminated"
                    return
                heard += chunk
                if b"kill\n" in heard:
                    self.why = self.why or "terminated"
                    return
                if b"term\n" in heard:
                    self.end("terminated", time.monotonic())


def read_exactly(size: int) -> bytes:
    """That many bytes of input; ends the process where the engine is gone."""
    data = b""
    while len(data) < size:
        chunk = os.read(0, size - len(data))
        if not chunk:
            os._exit(1)
        data += chunk
    return data


def read_step() -> dict[str, Any]:
    """The step: its size as 8 hexadecimal digits, then JSON.

    Its keys: program (path), argv, env, cwd, timeout (s or null), grace (s), sandbox (whether the program is
    bubblewrap), mounts and root (of `enter_mounts`; no mounts: none), cleanup (argv, may be empty).
    """
    step: dict[str, Any] = json.loads(read_exactly(int(read_exactly(8), 16)))
    return step


def main() -> None:
    """Run the step that the input describes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    output = int(sys.argv[1])
    os.set_inheritable(output, False)
    woken, waker = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    step = read_step()
    said, saying = os.pipe() if step["sandbox"] else (None, None)
    pid, failure = spawn(step, output, saying, libc)
    started = time.monotonic()
    if failure:
        os.waitpid(pid, 0)
        tell(failed=failure[1], at=failure[0])
        return
    tell(started=pid)
    guard = Guard(pid, step, started)
    guard.watch(woken)
    guard.kill_all()
    if step["cleanup"]:
        clean_up(step)
    if said is not None and not guard.why and b"exit-code" not in os.read(said, 65536):
        tell(failed=0, at="sandbox")
        return
    tell(exit=137 if guard.code is None else guard.code, why=guard.why)


def clean_up(step: dict[str, Any]) -> None:
    """Run the command that removes what the program may have left with a daemon (a container)."""
    pid = os.fork()
    if pid == 0:
        silent = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(silent, fd)
        signal.alarm(int(CLEANUP_S))
        os.execvpe(step["cleanup"][0], step["cleanup"], step["env"])  # noqa: S606  a list, not a shell
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
