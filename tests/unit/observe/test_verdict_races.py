"""An order to end meets a task at any moment, and its news arrives late: the verdict is still what happened.

A model of Argo and a kubelet, which knows nothing of the reducer: steps one after the other, each with a pod
whose process ends before its pod does, and its pod before Argo has seen it. What an engine would see of it
comes by two watches, each in its own order, one maybe far behind the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.observe.replay import run
from tests.unit.observe.shapes import RUNNING, ended, node, pod, workflow
from translator.observe.observation import LogEnd, Observation, Verdict

SHUTDOWN = "workflow shutdown with strategy:  Terminate"
STOPPED = "Stopped with strategy 'Terminate'"
NAMES = "abcd"


@dataclass(frozen=True)
class Plan:
    """A step: how its process ends by itself, whether the task may go on, and what it does on SIGTERM."""

    code: int
    goes_on: bool
    on_term: int


@dataclass
class World:
    """One task's run.

    Args:
        plans: of its steps.
        order_at: after how many happenings somebody orders the end; one that is too large: nobody does.
        delay: happenings until Argo acts on it.
        ours: whether the service gives the order; else a person does, to Argo.
    """

    plans: list[Plan]
    order_at: int
    delay: int
    ours: bool
    pods: list[tuple[int, Observation]] = field(default_factory=list)
    workflows: list[tuple[int, Observation]] = field(default_factory=list)
    now: int = 0
    cut: bool = False
    ordered_at: int | None = None
    last_process_ended: int = -1

    def __post_init__(self) -> None:
        self._nodes = {}
        self._shut = False
        self._play()

    @property
    def natural(self) -> str:
        """The verdict that the steps alone give."""
        failed = any(plan.code and not plan.goes_on for plan in self.plans)
        return "Failed" if failed else "Succeeded"

    @property
    def verdicts(self) -> set[str]:
        """Those that are right."""
        if not self.cut:
            return {self.natural}
        assert self.ordered_at is not None
        if self._all_begun and self.last_process_ended < self.ordered_at and self.ours:
            # Argo cut a pod off whose process had ended: right is what was known when the order was given
            return {"Cancelled", self.natural}
        return {"Cancelled"}

    def _play(self) -> None:
        self._all_begun = False
        for at, (name, plan) in enumerate(zip(NAMES, self.plans, strict=False)):
            self._all_begun = at == len(self.plans) - 1 or bool(plan.code and not plan.goes_on)
            if not self._step(name, plan):
                self.cut = True
                break
            if plan.code and not plan.goes_on:
                for later in NAMES[at + 1 : len(self.plans)]:
                    self._nodes[later] = node(later, "Omitted", type="Skipped")
                break
            if self._moment() and not self._all_begun:
                self.cut = True
                break
        self._moment()
        if self._shut:
            self._workflow("Failed", STOPPED)
        else:
            self._workflow("Failed" if self.natural == "Failed" else "Succeeded")

    def _step(self, name: str, plan: Plan) -> bool:
        """One step's life; whether it ended by itself, as Argo sees it."""
        stages: list[Callable[[], None]] = [
            lambda: self._pod(pod(name, "Pending")),
            lambda: self._pod(pod(name, running=RUNNING)),
        ]
        self._nodes[name] = node(name, "Pending")
        self._workflow("Running")
        for stage in stages:
            if self._moment():
                return self._stop(name, plan, started=stage is not stages[0])
            stage()
        self._nodes[name] = node(name)
        self._workflow("Running")
        if self._moment():
            return self._stop(name, plan, started=True)
        self.last_process_ended = self.now
        self._pod(pod(name, terminated=ended(plan.code)))
        if self._moment():
            # its own container has ended, Argo's has not
            self._nodes[name] = node(name, "Failed", SHUTDOWN)
            self._workflow("Running")
            self._pod(pod(name, "Failed" if plan.code else "Succeeded", terminated=ended(plan.code)))
            return False
        self._pod(pod(name, "Failed" if plan.code else "Succeeded", terminated=ended(plan.code)))
        self._moment()
        words = f"main: Error (exit code {plan.code})" if plan.code else ""
        self._nodes[name] = node(name, "Failed" if plan.code else "Succeeded", words, plan.code)
        return True

    def _stop(self, name: str, plan: Plan, *, started: bool) -> bool:
        self._nodes[name] = node(name, "Failed", SHUTDOWN)
        self._workflow("Running")
        if started:
            self._pod(pod(name, "Failed" if plan.on_term else "Succeeded", terminated=ended(plan.on_term)))
        else:
            self._pod(pod(name, "Failed"))
        return False

    def _moment(self) -> bool:
        """Time passes; whether Argo now acts on an order."""
        self.now += 1
        if self.now > self.order_at and self.ordered_at is None:
            self.ordered_at = self.now
        if self.ordered_at is not None and self.now >= self.ordered_at + self.delay:
            self._shut = True
        return self._shut

    def _pod(self, seen: Observation) -> None:
        self.pods.append((self.now, seen))

    def _workflow(self, phase: str, message: str = "") -> None:
        tasks = [
            {"name": name, **({"continueOn": {"failed": True, "error": True}} if plan.goes_on else {})}
            for name, plan in zip(NAMES, self.plans, strict=False)
        ]
        spec = {"entrypoint": "task", "templates": [{"name": "task", "dag": {"tasks": tasks}}]}
        if self._shut:
            spec["shutdown"] = "Terminate"
        seen = workflow(*self._nodes.values(), phase=phase, message=message, **spec)
        self.workflows.append((self.now, seen))


plans = st.builds(Plan, st.sampled_from([0, 0, 3, 64]), st.booleans(), st.sampled_from([0, 3, 137, 143]))
worlds = st.builds(
    World, st.lists(plans, min_size=1, max_size=4), st.integers(0, 30), st.integers(0, 4), st.booleans()
)


@settings(max_examples=600)
@given(worlds, st.data())
def test_an_order_meets_a_task_at_any_moment(world, data):
    """The service's order is durable before it goes out: nothing that comes of it is seen before."""
    waiting = {"pods": world.pods[:], "workflows": world.workflows[:]}
    order = Verdict("Cancelled", "Revoked", "revoked")
    told = not world.ours or world.ordered_at is None
    stream: list[Observation] = []
    while any(waiting.values()):
        heads = {name: seen[0][0] for name, seen in waiting.items() if seen}
        if not told:
            assert world.ordered_at is not None
            may = [name for name, at in heads.items() if at < world.ordered_at]
            choice = data.draw(st.sampled_from([*may, "order"]))
            if choice == "order":
                stream.append(order)
                told = True
                continue
        else:
            choice = data.draw(st.sampled_from(sorted(heads)))
        stream.append(waiting[choice].pop(0)[1])
    if not told:
        stream.append(order)
    names = list(NAMES[: len(world.plans)])
    state, events = run(names, [*stream, *map(LogEnd, names)])
    assert state.final
    body = events[-1].body
    assert body["phase"] in world.verdicts, (body, world.verdicts)
    if body["phase"] == "Failed":
        assert body["reason"] == "StepFailed"
    ran = [step["phase"] for step in body["steps"]]
    assert "Skipped" not in ran[: ran.index("Failed")] if "Failed" in ran else True
