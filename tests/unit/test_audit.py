from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"

_spec = importlib.util.spec_from_file_location("audit", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
audit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(audit)

FINE = {"name": "a", "version": "1", "vulns": []}
FLAWED = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"]}],
}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("dependencies", "code", "words"),
    [
        ([FINE], 0, "audit: 1 packages, none with a known vulnerability"),
        ([FINE, FLAWED], 1, "b 2: PYSEC-1, CVE-1; fixed in 2.1"),
        ([FINE, SKIPPED], 3, "audit: NOT AUDITED: 1 of 2 packages; the first: Dependency not found"),
        ([FLAWED, SKIPPED], 1, "audit: NOT AUDITED: 1 of 2 packages"),
        ([], 3, "audit: NOT AUDITED: 0 of 0 packages"),
    ],
)
def test_what_was_not_looked_up_is_never_called_safe(dependencies, code, words):
    judged, said = audit.judge(dependencies)
    assert judged == code
    assert words in said


def test_no_answer_at_all_is_said(tmp_path: Path):
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho 'Name or service not known' >&2; exit 1\n")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr == "audit: NOT AUDITED: Name or service not known\n"
