"""Hand-written manifests in the shape that `translator render` gives, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from translator.engine.local.engine import LocalEngine
from translator.observe.observation import LogEnd, LogLines, WorkflowRef, WorkflowSeen
from translator.workflow.rendered import Rendered

BIND = ("--dev-bind", "/", "/")


@functools.cache
def mounts_work() -> bool:
    """Whether the kernel, or bubblewrap, gives a step mounts of its own here."""
    commands = ["unshare", "--mount", "true"], ["unshare", "-r", "--mount", "true"], ["bwrap", *BIND, "true"]
    return any(
        subprocess.run(command, capture_output=True, check=False).returncode == 0
        for command in commands
        if shutil.which(command[0])
    )


def script(name: str, source: str, **more: Any) -> dict[str, Any]:
    """A step's template; keywords: command, timeout, go_on (continueOn), and any field of the body."""
    template: dict[str, Any] = {"name": name, "metadata": {"labels": {"codo.dev/step": name}}}
    if timeout := more.pop("timeout", None):
        template["metadata"]["annotations"] = {"codo.dev/step-timeout": timeout}
        template["activeDeadlineSeconds"] = 400
    template["_go_on"] = more.pop("go_on", False)
    body = {"image": "alpine", "command": more.pop("command", ["/bin/sh"]), "source": source, **more}
    return {**template, "script": body}


def container(name: str, command: list[str], args: list[str] | None = None, **more: Any) -> dict[str, Any]:
    template = script(name, "", command=command, **more)
    body = template.pop("script")
    body.pop("source")
    return {**template, "container": {**body, "args": args or []}}


def dag(*templates: dict[str, Any], name: str = "wf", **spec: Any) -> Rendered:
    """A Workflow of layout ``dag``, each step depending on the one before."""
    tasks: list[dict[str, Any]] = []
    for template in templates:
        task: dict[str, Any] = {"name": template["name"], "template": template["name"]}
        if tasks:
            task["dependencies"] = [tasks[-1]["name"]]
        if template.pop("_go_on"):
            task["continueOn"] = {"failed": True, "error": True}
        if arguments := template.pop("_arguments", None):
            task["arguments"] = arguments
        tasks.append(task)
    files = spec.pop("files", None)
    target = " ".join(task["name"] for task in tasks)
    spec = {
        "entrypoint": "task",
        "templates": [{"name": "task", "dag": {"tasks": tasks, "target": target}}, *templates],
        **spec,
    }
    return rendered(name, spec, files)


def rendered(name: str, spec: dict[str, Any], files: dict[str, str] | None = None) -> Rendered:
    config_map = None
    if files is not None:
        config_map = {"metadata": {"name": f"{name}-files", "namespace": "default"}, "data": files}
    return Rendered({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, config_map)


@dataclass
class Told:
    """All that was seen of one run."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)
    log_ends: list[str] = field(default_factory=list)
    object: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def phase(self) -> str:
        return self.object["status"]["phase"]

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        return {node["displayName"]: node for node in self.object["status"]["nodes"].values()}

    def node(self, step: str) -> tuple[str, str, str | None]:
        node = self.nodes[step]
        return node["phase"], node.get("message", ""), node.get("outputs", {}).get("exitCode")


async def watch(
    engine: LocalEngine, ref: WorkflowRef, on_line: Callable[[str, str], Any] | None = None
) -> Told:
    """Follow a run to its end, which is: a final phase, and the end of the log of every step with a node."""
    told, began = Told(), time.monotonic()
    async with contextlib.aclosing(engine.follow(ref, {})) as observations:
        async for seen in observations:
            if isinstance(seen, WorkflowSeen):
                told.object = dict(seen.object)
            elif isinstance(seen, LogLines):
                told.lines.setdefault(seen.step, []).extend(seen.lines)
                told.times.setdefault(seen.step, []).extend([time.monotonic() - began] * len(seen.lines))
                for line in seen.lines:
                    if on_line:
                        on_line(seen.step, line)
            elif isinstance(seen, LogEnd):
                told.log_ends.append(seen.step)
            if told.object and told.phase not in ("Pending", "Running"):
                ran = [node for node in told.nodes.values() if node["type"] in ("Pod", "Container")]
                steps = [node["displayName"] for node in ran if "boundaryID" in node]
                if set(steps) <= set(told.log_ends):
                    told.seconds = time.monotonic() - began
                    return told
    raise AssertionError("the run vanished")


def modes() -> list[Any]:
    missing = pytest.mark.skipif(not mounts_work(), reason="a step cannot have mounts of its own here")
    return [pytest.param(False, id="plain"), pytest.param(True, id="mounts", marks=missing)]


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for what no event tells: the state of another process."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  another process sets no event
            await asyncio.sleep(0.01)


def there(path: Path | str) -> bool:
    return Path(path).exists()


def content(path: Path) -> str:
    """The text of a file, empty where there is none."""
    return path.read_text() if path.exists() else ""


def matching(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))
