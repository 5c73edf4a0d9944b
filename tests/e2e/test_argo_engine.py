"""What agent-server is told of tasks that really run on Argo."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.attempts import Cluster, task
from translator.engine.argo.engine import ArgoEngine
from translator.errors import PermanentError
from translator.observe import reasons
from translator.observe.observation import Verdict
from translator.observe.state import TaskState
from translator.workflow.options import Options


def has_line(text: str) -> object:
    return lambda attempt: any(text in line for lines in attempt.lines.values() for line in lines)


async def test_three_steps_pass_values_and_every_line_comes(cluster: Cluster) -> None:
    attempt = await cluster.run(
        task(
            {"script": "#!/bin/sh\ncodo set-context 'greeting={{workflow.name}} $$'\necho one\n"},
            {"script": "echo raw $$ {{=1+1}} {{inputs.parameters.x}} | tr -d 0-9"},
            {"script": "codo get-context greeting; printf 'no line end'"},
        )
    )
    assert attempt.final["phase"] == "Succeeded"
    assert attempt.lines == {
        "s1": ["one"],
        "s2": ["raw  {{=+}} {{inputs.parameters.x}}"],
        "s3": ["{{workflow.name}} $$", "no line end"],
    }
    assert [step[:3] for step in attempt.steps] == [(f"s{n}", "Succeeded", 0) for n in (1, 2, 3)]
    assert attempt.gaps == []


async def test_a_step_that_fails_ends_the_task(cluster: Cluster) -> None:
    attempt = await cluster.run(task({"script": "echo before; exit 3"}, {"script": "echo never"}))
    assert (attempt.final["phase"], attempt.final["reason"]) == ("Failed", reasons.STEP_FAILED)
    assert attempt.steps == [("s1", "Failed", 3, reasons.STEP_FAILED), ("s2", "Skipped", None, "")]
    assert attempt.lines == {"s1": ["before"]}


async def test_a_step_s_timeout_counts_from_its_process(cluster: Cluster) -> None:
    attempt = await cluster.run(
        task(
            {
                "script": "for i in $(seq 60); do echo $i; sleep 1; done",
                "timeout": "5s",
                "onError": "continue",
            },
            {"script": "echo two"},
        )
    )
    assert attempt.final["phase"] == "Succeeded"
    assert [step[1::2] for step in attempt.steps] == [
        ("Failed", reasons.DEADLINE_EXCEEDED),
        ("Succeeded", ""),
    ]
    assert 5 <= len(attempt.lines["s1"]) <= 8
    assert attempt.lines["s2"] == ["two"]


async def test_one_pod_shares_files(cluster: Cluster) -> None:
    mounts = [{"name": "work", "mountPath": "/work"}]
    attempt = await cluster.run(
        task(
            {"script": "echo shared > /work/x; codo set-context k=v", "volumeMounts": mounts},
            {"script": "cat /work/x; codo get-context k", "volumeMounts": mounts},
            volumes=[{"name": "work", "emptyDir": {}}],
        )
    )
    assert attempt.final["phase"] == "Succeeded"
    assert attempt.lines == {"s2": ["shared", "v"]}


async def test_a_step_that_cannot_be_scheduled_is_told_and_ended_after_the_grace(cluster: Cluster) -> None:
    attempt = await cluster.run(
        task({"script": "echo never", "timeout": "1s"}, pod={"nodeSelector": {"no": "such-node"}}),
        options=Options(start_grace_s=5),
    )
    pending = next(event.body for event in attempt.events if event.body.get("name") == "s1")
    assert (pending["phase"], pending["reason"]) == ("Pending", reasons.UNSCHEDULABLE)
    assert "node affinity/selector" in pending["message"]
    assert attempt.steps == [("s1", "Failed", None, reasons.UNSCHEDULABLE)]


async def test_cancel_lets_the_process_end_and_reads_its_last_words(cluster: Cluster) -> None:
    attempt = await cluster.submit(
        task(
            {"script": "trap 'echo ending; exit 1' TERM; echo begun; while :; do sleep 0.2; done"},
            {"script": "echo never"},
        )
    )
    await attempt.follow(until=has_line("begun"))
    attempt.observe(Verdict("Cancelled", reasons.REVOKED, "the task was revoked"))
    await cluster.engine.terminate(attempt.ref)
    await attempt.follow()
    assert (attempt.final["phase"], attempt.final["reason"]) == ("Cancelled", reasons.REVOKED)
    assert attempt.lines["s1"][0] == "begun"
    assert "ending" in attempt.lines["s1"]
    assert attempt.steps[1][1] == "Skipped"


async def test_a_follower_that_dies_is_followed_by_another_without_loss(cluster: Cluster) -> None:
    attempt = await cluster.submit(task({"script": "for i in $(seq 100); do echo $i; sleep 0.1; done"}))
    await attempt.follow(until=has_line("30"))
    stored = attempt.state.as_json()
    attempt.state = TaskState.from_json(stored)
    await asyncio.sleep(2)  # the process goes on writing while nobody reads
    attempt.engine = ArgoEngine.from_kubeconfig()
    await attempt.engine.start()
    await attempt.follow()
    await attempt.engine.close()
    assert attempt.lines["s1"] == [str(number) for number in range(1, 101)]
    assert attempt.gaps == []
    assert attempt.final["phase"] == "Succeeded"


async def test_500000_lines_in_some_13_seconds_come_in_order_and_once(cluster: Cluster) -> None:
    pad = "x" * 96
    burst = f"awk -v n=$n 'BEGIN {{ for (i = 1; i <= 20000; i++) printf \"%09d {pad}\\n\", n * 20000 + i }}'"
    script = f"n=0; while [ $n -lt 25 ]; do {burst}; n=$((n + 1)); sleep 0.4; done"
    attempt = await cluster.run(task({"script": script}))
    assert attempt.gaps == []
    lines = attempt.lines["s1"]
    assert len(lines) == 500_000
    assert lines == [f"{number:09} {pad}" for number in range(1, 500_001)]


async def test_a_workflow_deleted_while_it_runs_is_told(cluster: Cluster) -> None:
    attempt = await cluster.submit(task({"script": "echo begun; sleep 60"}))
    await attempt.follow(until=has_line("begun"))
    process = await asyncio.create_subprocess_exec(
        "kubectl", "delete", "workflow", "--wait=false", "-n", attempt.ref.namespace, attempt.ref.name
    )
    assert await process.wait() == 0
    await attempt.follow()
    assert attempt.final["reason"] == reasons.WORKFLOW_DELETED
    assert attempt.lines["s1"][0] == "begun"


async def test_a_second_submission_adopts_the_first(cluster: Cluster) -> None:
    attempt = await cluster.submit(task({"script": "echo '{{once}}'"}))
    assert await cluster.engine.submit(attempt.rendered) == attempt.ref
    await attempt.follow()
    assert attempt.lines == {"s1": ["{{once}}"]}


async def test_a_namespace_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(PermanentError) as refused:
        await cluster.submit(task({"script": "echo never"}), namespace="no-such-namespace")
    assert refused.value.reason == reasons.NAMESPACE_NOT_FOUND
