"""Asks which of the locked packages have known vulnerabilities. Says so when it could not ask.

Exit codes: 0 every package was looked up and none is known to be vulnerable; 1 some are; 3 the advisories
could not be reached, or not for every package. pip-audit itself ends with 0 when packages were left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def judge(dependencies: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """The exit code and what is to be said, from pip-audit's JSON."""
    found = [
        f"{each['name']} {each['version']}: {', '.join([flaw['id'], *flaw.get('aliases', ())])}; "
        f"fixed in {', '.join(flaw.get('fix_versions', ())) or 'no version'}"
        for each in dependencies
        for flaw in each.get("vulns", ())
    ]
    skipped = [each["skip_reason"] for each in dependencies if "skip_reason" in each]
    if skipped or not dependencies:
        why = skipped[0] if skipped else "nothing is locked"
        found.append(f"audit: NOT AUDITED: {len(skipped)} of {len(dependencies)} packages; the first: {why}")
        return (1 if len(found) > 1 else 3), "\n".join(found)
    if found:
        return 1, "\n".join(found)
    return 0, f"audit: {len(dependencies)} packages, none with a known vulnerability"


def main(*options: str) -> int:
    """Run pip-audit on requirements.lock; returns the exit code."""
    command = ["pip-audit", "--requirement=requirements.lock", "--no-deps", "--disable-pip", "--format=json"]
    done = subprocess.run(
        [*command, "--progress-spinner=off", *options], capture_output=True, text=True, check=False
    )
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        print(f"audit: NOT AUDITED: {last[0]}", file=sys.stderr)
        return 3
    code, said = judge(dependencies)
    print(said, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
