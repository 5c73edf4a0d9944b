"""Finds the program of a step on this machine.

The rule, for this engine only: an interpreter that is named by an absolute path and is not there
(``/bin/python``) is looked up by its name on PATH; a Python that is not there either, but for Python 2,
becomes ``python3`` on PATH. The same holds for the word after ``env``. Whenever the rule is used, the user is
told. On a cluster the step's image decides.

Any other program that is not there (``/app/bin/test``) is missing: one of the same name elsewhere is another
program, whose success would say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

INTERPRETERS = (
    *("sh", "ash", "bash", "dash", "ksh", "mksh", "zsh", "fish", "env", "busybox", "python*", "pypy*"),
    *("perl", "perl5*", "ruby", "ruby[0-9]*", "node", "nodejs", "php", "php[0-9]*", "lua", "lua5*", "luajit"),
    *("awk", "gawk", "mawk", "nawk", "sed", "tclsh", "expect", "Rscript", "groovy", "pwsh", "deno", "bun"),
)
"""Patterns of the programs that do what a text tells them, wherever they lie."""

Runnable = Callable[[str], bool]
"""Whether a path, as the step sees it, is an executable file."""


def find_program(word: str, path: str, runnable: Runnable) -> str | None:
    """The absolute path of a program, or None where there is none.

    Args:
        word: the command's first word; with a slash but relative, it is left to the working directory.
        path: the step's PATH.
        runnable: tells what is there.
    """
    if "/" in word and not word.startswith("/"):
        return word
    if word.startswith("/") and runnable(word):
        return word
    name = PurePosixPath(word).name
    if word.startswith("/") and not any(fnmatchcase(name, pattern) for pattern in INTERPRETERS):
        return None
    names = [name]
    if name.startswith("python") and not name.startswith("python2"):
        names.append("python3")
    for candidate in names:
        for folder in path.split(":"):
            found = f"{folder.rstrip('/')}/{candidate}"
            if folder.startswith("/") and runnable(found):
                return found
    return None


def find_command(command: tuple[str, ...], path: str, runnable: Runnable) -> tuple[str, ...] | None:
    """The command with its programs as they are here (``env`` names a second); None where one is not."""
    program = find_program(command[0], path, runnable)
    if program is None:
        return None
    words = command[1:]
    if (
        PurePosixPath(program).name == "env"
        and words
        and not words[0].startswith("-")
        and "=" not in words[0]
    ):
        asked = find_program(words[0], path, runnable)
        if asked is None:
            return None
        words = (words[0] if PurePosixPath(asked).name == words[0] else asked, *words[1:])
    return (program, *words)
