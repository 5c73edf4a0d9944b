"""Every way in which a task can end, as agent-server is told of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.kubectl import found, kubectl
from tests.e2e.stage import START_GRACE_S, Play
from tests.e2e.tasks import CLOCK, NOWHERE, PYTHON, task
from tests.e2e.told import Told, lived
from translator.observe import reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")
scene = pytest.mark.scene

LONG = "echo long; for i in $(seq 100); do echo tick $i; sleep 1; done"


@scene(
    task(
        '#!/bin/sh\necho "Hello World step1 FOO=$FOO"',
        {"command": ["echo"], "args": ["from a container template"]},
        {
            "image": PYTHON,
            "script": "#!/bin/python3.9\nimport sys\nprint('out')\nprint('err', file=sys.stderr)",
        },
    )
)
async def test_succeeds(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    # the kubelet of a busy node may tell of a short process only when it has ended
    assert [one for one in told.phases if one[0] == "task" or one[1] != "Running"] == [
        ("task", "Pending"),
        ("task", "Running"),
        ("s1", "Succeeded"),
        ("s2", "Succeeded"),
        ("s3", "Succeeded"),
        ("task", "Succeeded"),
    ]
    assert told.outcomes == [(f"s{n}", "Succeeded", 0, "") for n in (1, 2, 3)]
    lines = told.lines
    assert sorted(lines.pop("s3")) == ["err", "out"]
    assert lines == {"s1": ["Hello World step1 FOO="], "s2": ["from a container template"]}
    assert told.gaps == []


@scene(task("echo ok", "echo bad; echo Error: exit status 3; exit 3", "echo unreachable"))
async def test_fails(told: Told) -> None:
    assert told.ended == ("Failed", reasons.STEP_FAILED)
    assert told.final["message"] == "step s2: the process ended with exit code 3"
    assert told.final["remedy"] == reasons.remedy(reasons.STEP_FAILED)
    assert told.outcomes == [
        ("s1", "Succeeded", 0, ""),
        ("s2", "Failed", 3, reasons.STEP_FAILED),
        ("s3", "Skipped", None, ""),
    ]
    assert told.lines == {"s1": ["ok"], "s2": ["bad", "Error: exit status 3"]}


@scene(task({"script": "echo bad; exit 7", "onError": "continue"}, "echo after"))
async def test_continues(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.outcomes == [("s1", "Failed", 7, reasons.STEP_FAILED), ("s2", "Succeeded", 0, "")]
    assert told.lines == {"s1": ["bad"], "s2": ["after"]}


@scene(task({"script": CLOCK, "timeout": "6s"}, "echo unreachable"))
async def test_step_timeout_counts_from_the_process_s_start(told: Told) -> None:
    assert told.ended == ("Failed", reasons.DEADLINE_EXCEEDED)
    assert told.outcomes[0][:2] == ("s1", "Failed")
    assert told.outcomes[0][3] == reasons.DEADLINE_EXCEEDED
    assert told.outcomes[1] == ("s2", "Skipped", None, "")
    assert "6s" in told.steps["s1"]["message"]
    assert abs(lived(told.lines["s1"]) - 6) <= 1.5


@scene(task(CLOCK, "echo unreachable"), timeout=15)
async def test_task_timeout(told: Told) -> None:
    assert told.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    assert told.outcomes[0][1::2] == ("Failed", reasons.TASK_DEADLINE_EXCEEDED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")
    assert lived(told.lines["s1"]) <= 16
    assert told.gaps == []


@scene(
    task(
        {
            "image": PYTHON,
            "computeResources": {"limits": {"memory": "40Mi"}},
            "script": "#!/bin/python3.9\nx = []\nprint('eating', flush=True)\n"
            "while True: x.append('a' * 10_000_000)",
        }
    )
)
async def test_out_of_memory(told: Told) -> None:
    assert told.ended == ("Failed", reasons.OOM_KILLED)
    assert told.outcomes == [("s1", "Failed", 137, reasons.OOM_KILLED)]
    assert told.lines == {"s1": ["eating"]}


@scene(task({"image": "ccr.ccs.tencentyun.com/library/nonexist:1", "script": "echo hi", "timeout": "1s"}))
async def test_image_missing_is_told_at_once_and_ended_after_the_grace(told: Told) -> None:
    waiting = told.first(kind="step", name="s1", phase="Pending")
    # a registry says that it is not there, a name server that there is no such registry
    assert waiting["reason"] in (
        reasons.IMAGE_NOT_FOUND,
        reasons.IMAGE_PULL_DENIED,
        reasons.IMAGE_PULL_FAILED,
    )
    assert waiting["remedy"] == reasons.remedy(waiting["reason"])
    assert "nonexist" in waiting["message"]
    assert told.seconds(told.events[0], waiting) < 15
    ended = told.first(kind="step", name="s1", phase="Failed")
    assert START_GRACE_S - 5 < told.seconds(told.events[0], ended) < START_GRACE_S + 20
    assert told.ended == ("Failed", waiting["reason"])
    assert told.outcomes == [("s1", "Failed", None, waiting["reason"])]


@scene(task({"script": "echo never", "timeout": "1s"}, podTemplate=NOWHERE))
async def test_unschedulable_in_the_scheduler_s_own_words(told: Told) -> None:
    waiting = told.first(kind="step", name="s1", phase="Pending")
    assert waiting["reason"] == reasons.UNSCHEDULABLE
    assert "node(s) didn't match Pod's node affinity/selector" in waiting["message"]
    assert told.seconds(told.events[0], waiting) < 10
    assert told.ended == ("Failed", reasons.UNSCHEDULABLE)
    assert told.outcomes == [("s1", "Failed", None, reasons.UNSCHEDULABLE)]


@scene(
    task(
        {
            "script": "echo hi",
            "timeout": "1s",
            "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "no-such-map", "key": "x"}}}],
        }
    )
)
async def test_a_configmap_that_is_not_there(told: Told) -> None:
    waiting = told.first(kind="step", name="s1", phase="Pending")
    assert waiting["reason"] == reasons.CREATE_CONTAINER_CONFIG_ERROR
    assert "no-such-map" in waiting["message"]
    assert told.ended == ("Failed", reasons.CREATE_CONTAINER_CONFIG_ERROR)


@scene(task("#!/bin/nosuch\necho hi", "echo unreachable"))
async def test_interpreter_missing(told: Told) -> None:
    assert told.ended == ("Failed", reasons.INTERPRETER_MISSING)
    assert told.outcomes[0][1::2] == ("Failed", reasons.INTERPRETER_MISSING)
    assert "/bin/nosuch" in told.steps["s1"]["message"]
    assert told.lines == {}


@scene(task({"command": ["/etc/passwd"]}))
async def test_a_command_that_is_not_executable(told: Told) -> None:
    assert told.final["phase"] == "Failed"
    assert told.outcomes[0][1] == "Failed"
    assert told.outcomes[0][3] in (reasons.STEP_FAILED, reasons.INTERPRETER_MISSING)


@scene(
    task(
        {"script": "echo hi", "timeout": "1s", "volumeMounts": [{"name": "kept", "mountPath": "/kept"}]},
        podTemplate={"volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "no-such-claim"}}]},
    )
)
async def test_a_claim_that_is_not_there(told: Told) -> None:
    waiting = told.first(kind="step", name="s1", phase="Pending")
    assert waiting["reason"] == reasons.UNSCHEDULABLE
    assert 'persistentvolumeclaim "no-such-claim" not found' in waiting["message"]
    assert told.ended == ("Failed", reasons.UNSCHEDULABLE)


@scene(task({"script": "echo hi", "timeout": "1s"}, podTemplate={"schedulerName": "nobody"}))
async def test_a_scheduler_that_says_nothing(told: Told) -> None:
    assert told.ended == ("Failed", reasons.START_TIMEOUT)
    assert told.outcomes == [("s1", "Failed", None, reasons.START_TIMEOUT)]


async def delete_workflow(play: Play) -> None:
    await play.line("tick 2")
    await play.kubectl("delete", "workflow.argoproj.io", "--wait=false", await play.workflow())


@scene(task(LONG), act=delete_workflow)
async def test_workflow_deleted(told: Told) -> None:
    assert told.ended == ("Error", reasons.WORKFLOW_DELETED)
    assert told.outcomes[0][1::2] == ("Failed", reasons.WORKFLOW_DELETED)
    assert told.lines["s1"][:3] == ["long", "tick 1", "tick 2"]


async def delete_pod(play: Play) -> None:
    await play.line("tick 2")
    step = await play.event(kind="step", name="s1", phase="Running")
    await play.kubectl("delete", "pod", "--wait=false", "--grace-period=3", step["pod"])


@scene(task(LONG, "echo unreachable"), act=delete_pod)
async def test_pod_deleted(told: Told) -> None:
    assert told.ended[1] == reasons.POD_DELETED
    assert told.outcomes[0][1::2] == ("Failed", reasons.POD_DELETED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")
    assert told.lines["s1"][:3] == ["long", "tick 1", "tick 2"]


@scene(task({"script": LONG, "onError": "continue"}, "echo after"), act=delete_pod)
async def test_pod_deleted_continues(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.outcomes[0][1::2] == ("Failed", reasons.POD_DELETED)
    assert told.lines["s2"] == ["after"]


async def terminate(play: Play) -> None:
    await play.line("tick 2")
    name = await play.workflow()
    await play.kubectl(
        "patch", "workflow.argoproj.io", name, "--type=merge", "-p", '{"spec":{"shutdown":"Terminate"}}'
    )


@scene(task("trap 'echo got-term; exit 143' TERM; " + LONG, "echo unreachable"), act=terminate)
async def test_terminated_by_somebody_else(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.TERMINATED)
    assert told.outcomes == [("s1", "Failed", 143, reasons.TERMINATED), ("s2", "Skipped", None, "")]
    assert "got-term" in told.lines["s1"]


@scene(task({"script": LONG, "onError": "continue"}, "echo unreachable"), act=terminate)
async def test_terminated_with_continue_is_not_a_success(told: Told) -> None:
    assert told.ended == ("Cancelled", reasons.TERMINATED)
    assert told.outcomes[0][1::2] == ("Failed", reasons.TERMINATED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")


@scene(
    task(
        {
            "command": ["true"],
            "computeResources": {"requests": {"cpu": "4000"}},
            "timeout": "1s",
            "onError": "continue",
        },
        "echo after",
    )
)
async def test_pending_timeout_continues(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.outcomes == [("s1", "Failed", None, reasons.UNSCHEDULABLE), ("s2", "Succeeded", 0, "")]
    assert "Insufficient cpu" in told.steps["s1"]["message"]
    assert told.lines == {"s2": ["after"]}


async def kill_wait_then_main(play: Play) -> None:
    """Kill the executor's container on the node, and the step's after it."""
    await play.line("tick 2")
    step = await play.event(kind="step", name="s1", phase="Running")
    uid = (await play.kubectl("get", "pod", step["pod"], "-o", "jsonpath={.metadata.uid}")).strip()
    if not executors(uid, b"wait"):
        await play.revoke()
        return
    for role in (b"wait", b"emissary"):
        for pid in executors(uid, role):
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.5)  # the kubelet sees the executor die first


def executors(pod_uid: str, role: bytes) -> list[int]:
    """The processes of Argo's executor in a pod whose node is this machine."""
    found_here = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if pod_uid not in (process / "cgroup").read_text():
                continue
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if words[0].endswith(b"argoexec") and role in words:
            found_here.append(int(process.name))
    return found_here


@scene(
    task({"script": "codo set-context a=1; " + LONG, "onError": "continue"}, "echo after"),
    act=kill_wait_then_main,
)
async def test_wait_killed_continues(told: Told) -> None:
    if told.ended[1] == reasons.REVOKED:
        pytest.skip("the node's processes are not this machine's")
    assert told.ended == ("Succeeded", "")
    assert told.outcomes[0][:2] == ("s1", "Failed")
    assert told.outcomes[1] == ("s2", "Succeeded", 0, "")
    assert told.lines["s1"][:3] == ["long", "tick 1", "tick 2"]
    assert told.lines["s2"] == ["after"]


@scene(
    task(
        r'printf "caf\303\251 ok\n"; printf "bad \377\376 bytes\n"; printf "no newline at end"',
        r'head -c 40000 /dev/zero | tr "\0" "x"; echo; echo end',
        "seq 1 20000",
    )
)
async def test_bad_bytes(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.lines["s1"] == ["café ok", r"bad \xff\xfe bytes", "no newline at end"]
    assert [len(line) for line in told.lines["s2"]] == [40_000, 3]
    assert told.lines["s2"] == ["x" * 40_000, "end"]
    assert told.lines["s3"] == [str(number) for number in range(1, 20_001)]
    assert told.gaps == []


BIG = "x" * 60_000


@scene(
    task(
        *[
            {
                "command": [
                    "/bin/sh",
                    "-c",
                    "codo set-context v$0=$(head -c 260 /dev/urandom | od -An -tx1 | tr -d ' \\n')",
                ],
                "args": [str(n), BIG],
            }
            for n in range(1, 13)
        ]
    )
)
async def test_compressed_status(told: Told) -> None:
    """A Workflow over 1 MiB: Argo compresses what it says of the steps."""
    assert told.ended == ("Succeeded", "")
    assert told.outcomes == [(f"s{n}", "Succeeded", 0, "") for n in range(1, 13)]
    of_task = f"codo.dev/task-id={told.task_id}"
    workflows = await found("workflows.argoproj.io", told.workflow["namespace"], of_task)
    assert workflows[0]["status"].get("compressedNodes")


MOUNTED = {"volumeMounts": [{"name": "my-volume", "mountPath": "/data"}]}
SHARED = {"volumes": [{"name": "my-volume", "emptyDir": {}}]}
NOT_ROOT = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1001, "fsGroup": 1001},
}


@scene(
    task(
        {**MOUNTED, "script": "echo one > /data/x; codo set-context abc=42; id -u"},
        {**MOUNTED, "command": ["codo"], "args": ["set-context", "def=7"]},
        {
            **MOUNTED,
            "script": "echo s3 $(cat /data/x) abc=$(codo get-context abc) def=$(codo get-context def)",
        },
        spec=SHARED,
        podTemplate=NOT_ROOT,
    )
)
async def test_pod_layout_succeeds(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.outcomes == [(f"s{n}", "Succeeded", 0, "") for n in (1, 2, 3)]
    assert told.lines == {"s1": ["1001"], "s3": ["s3 one abc=42 def=7"]}
    assert len({step["pod"] for step in told.final["steps"]}) == 1


@scene(
    task(
        {**MOUNTED, "script": "echo one"},
        {**MOUNTED, "script": "echo two; exit 3"},
        {**MOUNTED, "script": "echo unreachable"},
        spec=SHARED,
    )
)
async def test_pod_layout_fails(told: Told) -> None:
    assert told.ended == ("Failed", reasons.STEP_FAILED)
    assert told.outcomes == [
        ("s1", "Succeeded", 0, ""),
        ("s2", "Failed", 3, reasons.STEP_FAILED),
        ("s3", "Skipped", None, ""),
    ]
    assert told.lines == {"s1": ["one"], "s2": ["two"]}


@scene(task("sleep 1; echo x"))
async def test_times_are_those_of_the_process(told: Told) -> None:
    step = told.steps["s1"]
    pod = json.loads(await kubectl("-n", told.workflow["namespace"], "get", "pod", step["pod"], "-o", "json"))
    [main] = [each for each in pod["status"]["containerStatuses"] if each["name"] == "main"]
    ended = main["state"]["terminated"]
    assert (step["startedAt"], step["finishedAt"]) == (ended["startedAt"], ended["finishedAt"])


FULL = {"volumes": [{"name": "small", "emptyDir": {"sizeLimit": "1Mi"}}]}
FILLING = {
    "volumeMounts": [{"name": "small", "mountPath": "/small"}],
    "script": "echo filling; head -c 20000000 /dev/zero > /small/x; sleep 200",
}


@scene(task(FILLING, "echo unreachable", spec=FULL))
async def test_evicted(told: Told) -> None:
    assert told.ended == ("Failed", reasons.POD_EVICTED)
    assert told.outcomes[0][1::2] == ("Failed", reasons.POD_EVICTED)
    assert told.outcomes[1] == ("s2", "Skipped", None, "")
    assert 'Usage of EmptyDir volume "small" exceeds the limit "1Mi"' in told.final["message"]
    assert told.final["remedy"] == reasons.remedy(reasons.POD_EVICTED)
    assert told.lines == {"s1": ["filling"]}


@scene(task({**FILLING, "onError": "continue"}, "echo after", spec=FULL))
async def test_evicted_continues(told: Told) -> None:
    assert told.ended == ("Succeeded", "")
    assert told.outcomes[0][1::2] == ("Failed", reasons.POD_EVICTED)
    assert told.lines == {"s1": ["filling"], "s2": ["after"]}
