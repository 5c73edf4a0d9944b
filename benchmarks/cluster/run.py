"""Prints what following real Workflows costs and how late it is, each figure beside its peer in the same run.

Needs KUBECONFIG, kubectl and argo, but for watch and loud. Without arguments all figures are measured: logs,
latency, whole, watch, loud.
Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cluster
import latency
import logs
import loud
import watch
import whole
from figures import Report
from service import serving

FIGURES = ("logs", "latency", "whole", "watch", "loud")
ALONE = {"watch", "loud"}
"""They need no cluster."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; none: all")
    parser.add_argument("--runs", type=int, default=5, help="of each loud step")
    parser.add_argument("--seconds", type=float, default=60, help="that the fake API server sends events")
    options = parser.parse_args()
    chosen = options.figures or FIGURES
    if unknown := set(chosen) - set(FIGURES):
        parser.error(f"unknown: {', '.join(unknown)}")
    report = Report()
    if set(chosen) - ALONE:
        with (
            tempfile.TemporaryDirectory() as folder,
            cluster.own_namespace() as namespace,
            serving(namespace, Path(folder)) as service,
        ):
            if "latency" in chosen:
                latency.measure(service, report)
            if "whole" in chosen:
                whole.measure(service, Path(folder), report)
            if "logs" in chosen:
                logs.measure(service, Path(folder), report, options.runs)
    if "watch" in chosen:
        watch.measure(report, options.seconds)
    if "loud" in chosen:
        loud.measure(report, options.runs)
    if report.missed:
        sys.exit(f"missed: {', '.join(report.missed)}")


if __name__ == "__main__":
    main()
