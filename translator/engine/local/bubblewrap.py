"""The arguments that let bubblewrap show a step its mounts at their absolute paths.

A mount needs something to be mounted on. Where a path does not exist here, the nearest folder above it that
does is made anew in memory, with each of its entries bound in, so that nothing is ever created on this
machine's own disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from translator.engine.local.placement import Bind

MAX_WORDS = 8000
"""bubblewrap takes 9000 arguments (its MAX_ARGS)."""


def mount_arguments(binds: Sequence[Bind]) -> list[str] | None:
    """The arguments, or None where it cannot be done.

    Args:
        binds: outer paths first.
    """
    targets = {bind: Path(os.path.realpath(bind.target)) for bind in binds}
    made: set[Path] = set()
    below: list[Path] = []
    for bind, target in targets.items():
        inside = any(target.is_relative_to(outer) for outer in below)
        below.append(target)
        if target == Path("/"):
            return None
        if inside or (target.exists() and target.is_dir() == bind.source.is_dir()):
            continue
        folder = target.parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            return None
        made.add(folder)
    words = [] if Path("/") in made else ["--dev-bind", "/", "/"]
    taken = set(targets.values())
    for folder in sorted(made, key=lambda path: len(path.parts)):
        entries = _entries(folder, taken)
        if entries is None:
            return None
        words += entries
    for bind, target in targets.items():
        words += ["--ro-bind" if bind.read_only else "--bind", str(bind.source), str(target)]
    return words if len(words) <= MAX_WORDS else None


def _entries(folder: Path, taken: set[Path]) -> list[str] | None:
    words: list[str] = []
    try:
        if folder != Path("/"):
            mode = stat.S_IMODE(folder.stat().st_mode)
            words = ["--perms", f"{mode:04o}", "--tmpfs", str(folder)]
        for entry in sorted(folder.iterdir()):
            if entry in taken:
                continue
            if entry.is_symlink():
                words += ["--symlink", str(entry.readlink()), str(entry)]
            else:
                words += ["--dev-bind-try", str(entry), str(entry)]
    except OSError:
        return None
    return words
