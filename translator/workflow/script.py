"""The command that runs a script: what the kernel would have made of its first line.

A Workflow's script runs as ``command + [path]``; Argo does not read the shebang.
"""

from __future__ import annotations

from translator.workflow.refusal import Faults

WITHOUT_SHEBANG = ["/bin/sh", "-e"]
"""Tekton's rule: a shell with ``set -e``; as an argument, so that the script's line numbers stay right."""

MAX_SHEBANG_BYTES = 255
"""Linux reads 256 bytes of a program's start (BINPRM_BUF_SIZE), the line's end among them."""

_BLANK = " \t"


def interpreter(script: str, path: str, faults: Faults) -> list[str]:
    """The interpreter, then at most one argument, as Linux' ``binfmt_script`` reads a script's first line.

    Notes a fault for a first line that looks like a shebang and that the kernel would not run.
    """
    line = script.split("\n", 1)[0]
    if line.startswith("\ufeff#!"):
        faults.add(
            path,
            "the script begins with a byte order mark, so the kernel sees no '#!'",
            "remove the character U+FEFF before '#!'",
            "shebang",
        )
        return WITHOUT_SHEBANG
    if not line.startswith("#!"):
        return WITHOUT_SHEBANG
    words = line[2:].strip(_BLANK)
    program, argument = _first_word(words)
    fault = _fault(line, program)
    if fault:
        faults.add(path, *fault, "shebang")
    return [program, argument] if argument else [program]


def _first_word(words: str) -> tuple[str, str]:
    end = next((at for at, letter in enumerate(words) if letter in _BLANK), len(words))
    return words[:end], words[end:].strip(_BLANK)


def _fault(line: str, program: str) -> tuple[str, str] | None:
    if "\r" in line:
        return (
            "the first line has a carriage return, which the kernel takes for a part of the command",
            "use line feeds alone as line ends",
        )
    if not program:
        return "the first line names no interpreter after '#!'", "such as '#!/bin/sh'"
    if len(line.encode("utf-8", "surrogatepass")) > MAX_SHEBANG_BYTES:
        return (
            f"the first line is longer than the {MAX_SHEBANG_BYTES} bytes that the kernel reads",
            "shorten the interpreter's path or its argument",
        )
    return None
