"""Records Workflows of a real Argo for the reducer's tests: ``python -m tests.e2e.record [NAME …]``.

Each scenario below runs on the cluster of KUBECONFIG, in a namespace of its own, without the service. What
the watches of the Workflow and its pods told is kept, in the order in which it was written, under
``tests/data/observe/<Argo's version>/<scenario>/events.jsonl``, cut to what tells how the Workflow went.
What a person would say of each stands in ``tests/unit/observe/expected.yaml``.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from tests.e2e.kubectl import apply, delete_namespace, kubectl, make_namespace
from tests.e2e.tasks import ALPINE, task
from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.translate import translate

FOLDER: Final = Path(__file__).parents[1] / "data" / "observe"
SETTLE_S: Final = 5.0
"""Seconds that are recorded after a Workflow's end: its pods may be behind it."""

LONGEST_S: Final = 240.0

WORKFLOWS: Final = "apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows"
PODS: Final = "api/v1/namespaces/{namespace}/pods"

Json = dict[str, Any]


def step(name: str, script: str, *, goes_on: bool = False) -> Json:
    return {"name": name, "script": script, **({"onError": "continue"} if goes_on else {})}


def handler(script: str) -> Json:
    """An exit handler, as an operator's template has one."""
    command = {"command": ["/bin/sh", "-c"], "args": [script]}
    body = {"image": ALPINE, "imagePullPolicy": "IfNotPresent", **command}
    return {"onExit": "leave", "templates": [{"name": "leave", "container": body}]}


@dataclass(frozen=True)
class Scenario:
    """A task and what happens to it.

    Attributes:
        steps: in order.
        layout: of its Workflow.
        spec: more of the operator's template.
        target: whether the DAG names its target; the translator 0.1.0 did not.
        act: what somebody does meanwhile; called with each event until it says that it is done.
    """

    steps: Sequence[Json]
    layout: Literal["dag", "pod"] = "dag"
    spec: Mapping[str, Any] = field(default_factory=dict)
    target: bool = True
    act: Callable[[Json], Awaitable[bool]] | None = None


async def shut_down(namespace: str, name: str) -> None:
    change = '{"spec":{"shutdown":"Terminate"}}'
    await kubectl("-n", namespace, "patch", "workflow.argoproj.io", name, "--type=merge", "-p", change)


def terminate(when: Callable[[Json], bool]) -> Callable[[Json], Awaitable[bool]]:
    """Order the Workflow's end at the first event of which something holds."""

    async def act(event: Json) -> bool:
        found = event["object"]
        if not when(found):
            return False
        metadata = found["metadata"]
        labels = metadata.get("labels") or {}
        name = labels.get("workflows.argoproj.io/workflow", metadata["name"])
        await shut_down(metadata["namespace"], name)
        return True

    return act


def runs(step_name: str) -> Callable[[Json], bool]:
    """Whether an object is the pod of a step that runs."""
    return lambda found: _state(found, step_name) == "running"


def has_ended(step_name: str) -> Callable[[Json], bool]:
    """Whether an object is the pod of a step that has ended."""
    return lambda found: _state(found, step_name) == "terminated"


def _state(found: Json, step_name: str) -> str:
    if found["kind"] != "Pod":
        return ""
    node = (found["metadata"].get("annotations") or {}).get("workflows.argoproj.io/node-name", "")
    container = "main" if node.endswith(f".{step_name}") else step_name
    for status in (found.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == container:
            return next(iter(status.get("state") or {}), "")
    return ""


LONG: Final = "trap 'exit 3' TERM; for i in $(seq 100); do sleep 1; done"
CALM: Final = "trap 'exit 0' TERM; for i in $(seq 100); do sleep 1; done"
BUILD: Final = step("build", "echo building; exit 3")

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "build-notify": Scenario([BUILD, step("notify", "echo hi", goes_on=True)]),
    "build-notify-without-target": Scenario([BUILD, step("notify", "echo hi", goes_on=True)], target=False),
    "last-continued": Scenario([step("build", "echo ok"), step("notify", "exit 5", goes_on=True)]),
    "continued-and-omitted": Scenario(
        [step("try", "exit 7", goes_on=True), BUILD, step("notify", "echo hi", goes_on=True)]
    ),
    "continued-and-omitted-without-target": Scenario(
        [step("try", "exit 7", goes_on=True), BUILD, step("notify", "echo hi", goes_on=True)], target=False
    ),
    "two-continued": Scenario([step("one", "exit 1", goes_on=True), step("two", "exit 2", goes_on=True)]),
    "two-continued-then-failed": Scenario(
        [step("one", "exit 1", goes_on=True), step("two", "exit 2", goes_on=True), BUILD]
    ),
    "terminated-exits-3": Scenario(
        [step("long", LONG, goes_on=True), step("notify", "echo hi", goes_on=True)],
        act=terminate(runs("long")),
    ),
    "terminated-exits-0": Scenario([step("long", CALM)], act=terminate(runs("long"))),
    "terminated-after-a-continued-step": Scenario(
        [step("try", "exit 7", goes_on=True), step("long", LONG), step("notify", "echo hi", goes_on=True)],
        act=terminate(runs("long")),
    ),
    "terminated-too-late": Scenario(
        [step("one", "echo one"), step("two", "echo two")], act=terminate(has_ended("two"))
    ),
    "terminated-too-late-for-a-failure": Scenario(
        [step("one", "echo one"), BUILD], act=terminate(has_ended("build"))
    ),
    "on-exit-fails": Scenario([step("build", "echo ok")], spec=handler("exit 9")),
    "on-exit-fails-after-a-continued-step": Scenario(
        [step("build", "echo ok"), step("notify", "exit 5", goes_on=True)], spec=handler("exit 9")
    ),
    "on-exit-fails-too": Scenario([BUILD, step("never", "echo hi")], spec=handler("exit 9")),
    "on-exit-terminated": Scenario(
        [step("build", "echo ok")], spec=handler("sleep 100"), act=terminate(runs("onExit"))
    ),
    "pod-build-fails": Scenario([BUILD, step("notify", "echo hi")], "pod"),
    "pod-last-fails": Scenario([step("build", "echo ok"), step("notify", "exit 5")], "pod"),
    "pod-terminated-exits-3": Scenario(
        [step("build", "echo ok"), step("long", LONG), step("never", "echo hi")],
        "pod",
        act=terminate(has_ended("build")),
    ),
    "pod-terminated-exits-0": Scenario(
        [step("build", "echo ok"), step("long", CALM)], "pod", act=terminate(has_ended("build"))
    ),
    "pod-on-exit-fails": Scenario(
        [step("build", "echo ok"), step("notify", "echo hi")], "pod", spec=handler("exit 9")
    ),
}


def objects(name: str, scenario: Scenario, namespace: str) -> list[Json]:
    """What the translator makes of the scenario's task; the Workflow without its finalizer."""
    parsed = parse_task(task(*scenario.steps), task_id=name, namespace=namespace)
    assert parsed.task is not None, parsed.problems
    own = load_template()
    template = {**own, "spec": {**own["spec"], **scenario.spec}}
    rendered = translate(
        parsed.task, attempt=1, options=Options(layout=scenario.layout, codo="never"), template=template
    )
    workflow: Json = json.loads(json.dumps(rendered.workflow))
    del workflow["metadata"]["finalizers"]
    workflow["metadata"]["name"] = name
    if not scenario.target:
        for each in workflow["spec"]["templates"]:
            (each.get("dag") or {}).pop("target", None)
    return [*([] if rendered.files is None else [dict(rendered.files)]), workflow]


async def watch(namespace: str, collection: str, selector: str) -> AsyncIterator[Json]:
    """The watch events of some objects."""
    path = f"/{collection.replace('{namespace}', namespace)}?watch=1&labelSelector={selector}"
    process = await asyncio.create_subprocess_exec(
        "kubectl", "get", "--raw", path, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            yield json.loads(line)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def record(name: str, scenario: Scenario, namespace: str) -> list[Json]:
    """Run a scenario to its end."""
    events: list[Json] = []
    news: asyncio.Queue[Json] = asyncio.Queue()

    async def collect(collection: str, selector: str) -> None:
        async for event in watch(namespace, collection, selector):
            news.put_nowait(event)
        raise EOFError(f"the watch of {collection} has ended")

    watches = [
        asyncio.create_task(collect(WORKFLOWS, f"codo.dev/task-id={name}")),
        asyncio.create_task(collect(PODS, f"workflows.argoproj.io/workflow={name}")),
    ]
    act, left = scenario.act, LONGEST_S
    try:
        await asyncio.sleep(1)
        await apply(*objects(name, scenario, namespace))
        with suppress(TimeoutError):
            while True:
                for each in watches:
                    if each.done():
                        each.result()
                event = await asyncio.wait_for(news.get(), left)
                events.append(event)
                if act is not None and await act(event):
                    act = None
                if event["object"]["kind"] == "Workflow" and (event["object"].get("status") or {}).get(
                    "finishedAt"
                ):
                    left = SETTLE_S
    finally:
        for each in watches:
            each.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
    assert left == SETTLE_S, f"{name} has not ended"
    assert act is None, f"{name}: nobody acted"
    events.sort(key=lambda event: int(event["object"]["metadata"]["resourceVersion"]))
    return events


def cut(event: Json) -> Json:
    """An event without what does not tell how the Workflow went."""
    found = event["object"]
    metadata = kept(found["metadata"], "name", "namespace", "uid", "deletionTimestamp")
    for kind in ("labels", "annotations"):
        metadata[kind] = {
            key: value
            for key, value in (found["metadata"].get(kind) or {}).items()
            if key in ("codo.dev/step", "codo.dev/step-timeout", "workflows.argoproj.io/workflow")
            or key.startswith("workflows.argoproj.io/node-")
        }
    body = _workflow(found) if found["kind"] == "Workflow" else _pod(found)
    return {"type": event["type"], "object": {"kind": found["kind"], "metadata": metadata, **body}}


def _workflow(found: Json) -> Json:
    spec, status = found["spec"], found.get("status") or {}
    templates = []
    for template in spec["templates"]:
        slim = kept(template, "name", "metadata")
        if "dag" in template:
            tasks = [kept(each, "name", "template", "continueOn") for each in template["dag"]["tasks"]]
            slim["dag"] = {**template["dag"], "tasks": tasks}
        if "containerSet" in template:
            slim["containerSet"] = {
                "containers": [kept(each, "name") for each in template["containerSet"]["containers"]]
            }
        templates.append(slim)
    nodes = {name: _node(node) for name, node in (status.get("nodes") or {}).items()}
    return {
        "spec": {
            **kept(spec, "entrypoint", "onExit", "shutdown", "activeDeadlineSeconds"),
            "templates": templates,
        },
        "status": {
            **kept(status, "phase", "message", "startedAt", "finishedAt"),
            **({"nodes": nodes} if nodes else {}),
        },
    }


def _node(node: Json) -> Json:
    names = ("id", "name", "displayName", "type", "templateName", "boundaryID", "children")
    slim = kept(node, *names, "phase", "message", "startedAt", "finishedAt")
    if "exitCode" in (node.get("outputs") or {}):
        slim["outputs"] = {"exitCode": node["outputs"]["exitCode"]}
    return slim


def _pod(found: Json) -> Json:
    status = found.get("status") or {}
    slim = kept(status, "phase", "reason", "message")
    slim["conditions"] = [
        kept(each, "type", "status", "reason", "message")
        for each in status.get("conditions") or ()
        if each["type"] in ("PodScheduled", "DisruptionTarget") and each["status"] != "True"
    ]
    for kind in ("initContainerStatuses", "containerStatuses"):
        if status.get(kind):
            slim[kind] = [kept(each, "name", "state") for each in status[kind]]
    spec = kept(found["spec"], "activeDeadlineSeconds")
    spec["containers"] = [kept(each, "name") for each in found["spec"]["containers"]]
    return {"spec": spec, "status": slim}


def kept(thing: Mapping[str, Any], *names: str) -> Json:
    return {name: thing[name] for name in names if name in thing}


async def version() -> str:
    """Argo's, as the folders are called: ``4.1``."""
    words = ("get", "deployment", "-A", "-l", "app.kubernetes.io/name=argo-workflows", "-o", "json")
    with suppress(LookupError):
        image: str = json.loads(await kubectl(*words))["items"][0]["spec"]["template"]["spec"]["containers"][
            0
        ]["image"]
        return ".".join(image.rpartition(":v")[2].split(".")[:2])
    return "4.1"


async def main(names: Sequence[str]) -> None:
    namespace = f"record-{secrets.token_hex(3)}"
    await make_namespace(namespace)
    folder = FOLDER / await version()
    slots = asyncio.Semaphore(3)

    async def one(name: str) -> None:
        async with slots:
            try:
                events = await record(name, SCENARIOS[name], namespace)
            except Exception as error:  # noqa: BLE001  (the others are worth keeping)
                sys.stderr.write(f"{name}: {error!r}\n")
                return
        lines: list[str] = []
        for event in events:
            line = json.dumps(cut(event), separators=(",", ":"))
            if line not in lines[-1:]:
                lines.append(line)
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        last = next(each["object"] for each in reversed(events) if each["object"]["kind"] == "Workflow")
        sys.stdout.write(f"{name}: {last['status']['phase']} {last['status'].get('message', '')}\n")

    try:
        await asyncio.gather(*(one(name) for name in names or SCENARIOS))
    finally:
        await delete_namespace(namespace)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
