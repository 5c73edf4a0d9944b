"""What holds whatever is seen, in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.observe.replay import NOW, stored
from tests.unit.observe.shapes import RUNNING, ended, gone, node, pod, workflow
from translator.observe.event import Kind, Phase, StepPhase
from translator.observe.observation import (
    LogEnd,
    LogGap,
    LogLines,
    Submitted,
    Verdict,
    WorkflowGone,
    WorkflowRef,
)
from translator.observe.reducer import begin, observe

STEPS = ["a", "b"]
TASK_RANK = {Phase.PENDING: 0, Phase.RUNNING: 1}
STEP_RANK = {StepPhase.PENDING: 0, StepPhase.RUNNING: 1}

steps = st.sampled_from(STEPS)
codes = st.sampled_from([0, 1, 64, 137, 143])
messages = st.sampled_from(
    [
        "",
        "pod deleted",
        "timeout",
        "Unschedulable: 0/1",
        "main: Error (exit code 3)",
        "Step exceeded its deadline",
        "workflow shutdown with strategy:  Terminate",
        "Pod was active on the node longer than the specified deadline",
    ]
)
nodes = st.builds(
    node,
    steps,
    st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Error", "Omitted"]),
    messages,
    st.none() | codes,
    type=st.sampled_from(["Pod", "Container"]),
)
states = st.one_of(
    st.just({}),
    st.just({"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
    st.just({"running": RUNNING}),
    codes.map(lambda code: {"terminated": ended(code)}),
)
pod_phases = st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])
workflows = st.lists(nodes, max_size=2).flatmap(
    lambda found: st.builds(
        lambda phase, shutdown: workflow(*found, phase=phase, shutdown=shutdown),
        st.sampled_from(["", "Running", "Running", "Succeeded", "Failed", "Error"]),
        st.sampled_from(["", "Terminate"]),
    )
)
seen = st.one_of(
    workflows,
    st.builds(lambda step, phase, state: pod(step, phase, **state), steps, pod_phases, states),
    st.builds(lambda step, phase, state: pod(step, phase, deleting=True, **state), steps, pod_phases, states),
    st.builds(lambda step, phase, state: gone(step, phase, **state), steps, pod_phases, states),
    st.builds(lambda step, n: LogLines(step, ("x",) * n, {"n": n}), steps, st.integers(0, 3)),
    st.builds(lambda step, n: LogGap(step, "lost", n, {"gap": n}), steps, st.none() | st.integers(1, 3)),
    st.builds(LogEnd, steps),
    st.just(WorkflowGone()),
    st.just(Submitted(WorkflowRef("jobs", "wf", "u-1"), "https://argo/wf")),
    st.builds(lambda done: Verdict("Cancelled", "Revoked", "revoked", ended=done), st.booleans()),
)


@given(st.lists(seen, max_size=25))
def test_the_rules_of_events(observations):
    state, events = begin("t", "a", 1, STEPS, NOW)
    for one in observations:
        state, more = observe(state, one, NOW)
        events += more
        assert stored(state) == state
        assert observe(state, one, NOW)[1] == []

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    statuses = [Phase(event.body["phase"]) for event in events if event.kind is Kind.STATUS]
    ranks = [TASK_RANK.get(phase, 2) for phase in statuses]
    assert ranks == sorted(ranks)
    assert sum(phase.final for phase in statuses) == state.final
    for step in STEPS:
        told = [event.body for event in events if event.kind is Kind.STEP and event.body["name"] == step]
        ranks = [STEP_RANK.get(StepPhase(body["phase"]), 2) for body in told]
        assert ranks == sorted(ranks)
        assert ranks.count(2) <= 1
        assert ranks.count(1) <= 1
    for event in events:
        assert None not in event.body.values()
    if state.final:
        assert events[-1].kind is Kind.STATUS
        assert [step["name"] for step in events[-1].body["steps"]] == STEPS
        assert all(StepPhase(step["phase"]).final for step in events[-1].body["steps"])


@given(st.lists(seen, max_size=15))
def test_every_attempt_can_be_ended(observations):
    state, _ = begin("t", "a", 1, STEPS, NOW)
    for one in [*observations, Verdict("Error", "EngineError", "given up", ended=True)]:
        state, _ = observe(state, one, NOW)
    assert state.final
