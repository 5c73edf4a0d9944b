"""The objects as a person reads them: each step, its image, deadline, onError, and where its script lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.workflow.container import SCRIPT_FILE
from translator.workflow.deadlines import SPARE_S
from translator.workflow.names import STEP_TIMEOUT, TITLE
from translator.workflow.rendered import Rendered

_COMMAND_WIDTH = 60


def tree(rendered: Rendered) -> str:
    """The Workflow as a tree of its steps, in the order in which they run."""
    workflow = rendered.workflow
    spec = workflow["spec"]
    templates = {template["name"]: template for template in spec["templates"]}
    root = templates[spec["entrypoint"]]
    lines = [
        f"{rendered.namespace}/{rendered.name}  {workflow['metadata']['annotations'][TITLE]!r}",
        f"deadline {spec['activeDeadlineSeconds'] - SPARE_S}s, "
        + ("one pod" if "containerSet" in root else "one pod a step"),
    ]
    blocks = list(
        _containers(root, rendered) if "containerSet" in root else _tasks(root, templates, rendered)
    )
    for number, (title, facts) in enumerate(blocks):
        last = number == len(blocks) - 1
        lines.append(f"{'└──' if last else '├──'} {title}")
        lines += [f"{'   ' if last else '│  '}    {fact}" for fact in facts]
    if rendered.files is not None:
        lines.append(f"ConfigMap {rendered.files['metadata']['name']}")
        lines += [f"    {key}  {len(text.encode())} bytes" for key, text in rendered.files["data"].items()]
    return "\n".join(lines) + "\n"


def _tasks(
    root: Mapping[str, Any], templates: Mapping[str, Any], rendered: Rendered
) -> Iterator[tuple[str, list[str]]]:
    for task in root["dag"]["tasks"]:
        template = templates[task["template"]]
        process = template.get("script") or template["container"]
        timeout = template["metadata"]["annotations"][STEP_TIMEOUT]
        on_error = "continue" if task.get("continueOn") else "stopAndFail"
        facts = [
            f"image    {process['image']}",
            f"timeout  {timeout}, with its start at most {template['timeout']}",
            f"onError  {on_error}",
            _runs(process, rendered),
        ]
        yield _title(task), facts


def _containers(root: Mapping[str, Any], rendered: Rendered) -> Iterator[tuple[str, list[str]]]:
    for container in root["containerSet"]["containers"]:
        yield _title(container), [f"image    {container['image']}", _runs(container, rendered)]


def _title(node: Mapping[str, Any]) -> str:
    after = node.get("dependencies")
    return f"{node['name']} after {', '.join(after)}" if after else str(node["name"])


def _runs(process: Mapping[str, Any], rendered: Rendered) -> str:
    command = " ".join(process.get("command") or ())
    if "source" in process:
        return f"script   {command}, inline, {len(process['source'].encode())} bytes"
    for mount in process.get("volumeMounts") or ():
        if mount["mountPath"] == SCRIPT_FILE and rendered.files is not None:
            return f"script   {command}, ConfigMap key {mount['subPath']}"
    words = " ".join([*(process.get("command") or ("(the image's)",)), *(process.get("args") or ())])
    words = words.replace("\n", "\\n")
    return f"command  {words if len(words) <= _COMMAND_WIDTH else words[: _COMMAND_WIDTH - 1] + '…'}"
