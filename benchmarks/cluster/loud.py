"""What a line of a loud step costs the service, on a fake API server: no cluster is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cluster
import logs
from figures import Report
from loud_api import LENGTH
from service import HERE, Service, process, serving

LINES = 500_000
TARGET_US = 6.0


def measure(report: Report, runs: int) -> None:
    """Each run is a task of one step that prints so many lines as fast as they are read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate, key = folder / "tls.crt", folder / "tls.key"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", str(key), "-out", str(certificate),
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        command = [sys.executable, str(HERE / "loud_api.py"), str(LINES), str(certificate), str(key)]
        with process(command) as (_, url):
            kubeconfig = folder / "kubeconfig"
            kubeconfig.write_text(json.dumps(_kubeconfig(url, certificate)))
            with serving("bench", folder, kubeconfig=kubeconfig) as service:
                for run in range(1, runs + 1):
                    _once(service, report, run)


def _once(service: Service, report: Report, run: int) -> None:
    before = cluster.cpu_of(service.pid)
    told = service.until_final(service.submit(logs.task("loud", "#!/bin/sh\n")))
    cpu = cluster.cpu_of(service.pid) - before
    events = [event for _, event in told if event["kind"] == "log"]
    ours = [line for event in events for line in event["lines"]]
    wanted = [f"{n:07d} {'x' * (LENGTH - 8)}" for n in range(LINES)]
    report.note(f"{LINES:,} lines at once, run {run} ({cluster.load()})")
    report.figure("  lines lost, repeated or out of order", logs.wrong(ours, wanted), 0, unit="")
    report.note(f"    {len(events)} log events in {told[-1][0] - told[0][0]:.1f} s, CPU {cpu:.2f} s")
    report.figure("  CPU a line", cpu / LINES * 1e6, TARGET_US, unit="µs")


def _kubeconfig(url: str, certificate: Path) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "loud", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "bench", "user": {"token": "none"}}],
        "contexts": [{"name": "loud", "context": {"cluster": "loud", "user": "bench"}}],
        "current-context": "loud",
    }
