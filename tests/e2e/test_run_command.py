"""``translator run --engine argo``: twice the same file, and the commands that it prints."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import sys

import pytest

from tests.e2e.attempts import task

TWICE = 2


async def _run(*words: str, text: str = "") -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(180):
        out, err = await process.communicate(text.encode())
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("layout", ["dag", "pod"])
async def test_a_run_is_new_each_time_and_can_be_looked_at_later(namespace: str, layout: str) -> None:
    text = task({"script": "echo first word"}, {"script": "echo last word"})
    program = (sys.executable, "-m", "translator", "run", "-", "--engine", "argo")
    options = ("--namespace", namespace, "--layout", layout)
    runs = await asyncio.gather(*(_run(*program, *options, text=text) for _ in range(TWICE)))
    names = []
    for code, out, err in runs:
        assert (code, out) == (0, "s1 | first word\ns2 | last word\n"), err
        names += re.findall(rf"^Workflow {namespace}/(\S+);", err, re.MULTILINE)
        commands = [line.strip() for line in err.splitlines() if re.match(r"  (kubectl|argo) ", line)]
        assert len(commands) == (4 if layout == "dag" else 3)
        for command in commands:
            words = shlex.split(command)
            if shutil.which(words[0]) is None:
                continue  # argo's own program is not needed for anything else
            exited, shown, complaint = await _run(*words)
            assert exited == 0, (command, complaint)
            if "logs" in words:
                assert "first word" in shown, command
                assert "last word" in shown, command
            else:
                assert names[-1] in shown, command
                assert "Succeeded" in shown or words[0] == "kubectl", command
    assert len(set(names)) == TWICE
