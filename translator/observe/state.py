"""All that is known of one attempt: what `translator.observe.reducer` remembers between two observations.

It is stored with every event, so its JSON form leaves out what is absent, and what was seen of a step is
forgotten once the step has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from translator.observe.event import Phase, StepPhase
from translator.observe.record import compact, known, member
from translator.observe.sight import NodeSight, PodSight


@dataclass(frozen=True, slots=True)
class StepState:
    """One step.

    Attributes:
        name: the step's name in the task.
        phase: as told in events.
        reason: of a step that failed, or what kept it from starting; empty otherwise.
        message: one sentence to the reason.
        exit_code: of the user's process, where it is known.
        started_at: when the user's process started, RFC 3339.
        finished_at: when it ended, RFC 3339.
        pod: the pod's name.
        ran: the user's process is known to have started.
        pod_open: its pod may still tell that it ran, and how it ended.
        log_ended: no more lines of it will come (`LogEnd`).
        gap: why lines are missing right after its cursor, where that was told; empty otherwise.
        in_time: it had ended by itself when the service ordered the attempt's end.
        continues: the task goes on after it failed (``onError: continue``); None while no Workflow told it.
        node: the last that a Workflow told; None once the step has ended.
        seen_pod: the last that a pod told; None once the step has ended.
        called: its name in the Workflow, where that is another one (``codo.dev/step-names``); else empty.
    """

    name: str
    phase: StepPhase = StepPhase.PENDING
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: str = ""
    finished_at: str = ""
    pod: str = ""
    ran: bool = False
    pod_open: bool = False
    log_ended: bool = False
    gap: str = ""
    in_time: bool = False
    continues: bool | None = None
    node: NodeSight | None = None
    seen_pod: PodSight | None = None
    called: str = ""

    @property
    def in_workflow(self) -> str:
        """Its name in the Workflow, its pods and logs."""
        return self.called or self.name

    def as_json(self) -> dict[str, Any]:
        """The step as JSON data, from which `from_json` makes it again."""
        return compact(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Make a step of what `as_json` gave."""
        found = known(cls, data)
        if "phase" in found:
            found["phase"] = member(StepPhase, found["phase"])
        for name, sight in (("node", NodeSight), ("seen_pod", PodSight)):
            if found.get(name) is not None:
                found[name] = sight(**known(sight, found[name]))
        return cls(**found)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ends: decided, but told only when every log has been read to its end.

    Attributes:
        phase: a final one.
        reason: empty where the steps' outcomes are to tell it.
        message: one sentence, or the engine's own words.
        argo: Argo's phase of the Workflow; empty: it told none.
    """

    phase: Phase
    reason: str = ""
    message: str = ""
    argo: str = ""

    @property
    def ordered(self) -> bool:
        """Whether somebody's order, or the task's deadline, ended the attempt."""
        return self.phase in (Phase.CANCELLED, Phase.TIMED_OUT)


@dataclass(frozen=True, slots=True)
class TaskState:
    """One attempt.

    Attributes:
        seq: of the last event; the next one has this plus one.
        phase: as told in the last status event.
        steps: in the task's order.
        workflow: ``{namespace, name, uid, url}`` as in status events, empty until it is known.
        cursors: by step, from where the engine resumes its log.
        verdict: the service's decision, if there is one.
        timeout: how long the task may take, as a Go duration; empty until it is submitted.
        overruled: whether the verdict also says that the engine has nothing of the attempt (`Verdict.ended`).
        ending: what ended the attempt, once its Workflow has ended; what is told of it follows from the steps
            too (`translator.observe.ending.told`).
        suspended: somebody has suspended the Workflow.
        unseen: why the engine cannot see the Workflow; empty: it can, as far as is known.
        waiting_reason: why the engine does not take the Workflow yet; empty: nothing keeps it.
        waiting_message: one sentence to that reason.
    """

    task_id: str
    agent_id: str
    attempt: int
    seq: int
    phase: Phase
    steps: tuple[StepState, ...]
    workflow: Mapping[str, str] = field(default_factory=dict)
    cursors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verdict: Ending | None = None
    timeout: str = ""
    overruled: bool = False
    ending: Ending | None = None
    suspended: bool = False
    unseen: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""

    @property
    def final(self) -> bool:
        """Whether the final status has been told: nothing follows it."""
        return self.phase.final

    @property
    def overruled_phase(self) -> str:
        """Argo's phase of the Workflow, where the final status says something else; else empty."""
        argo = self.ending.argo if self.ending is not None and self.final else ""
        if not argo or argo == str(self.phase):
            return ""
        # Argo has no phases of its own for these
        same = self.phase in (Phase.CANCELLED, Phase.TIMED_OUT) and argo != str(Phase.SUCCEEDED)
        return "" if same else argo

    def step(self, name: str) -> StepState | None:
        """Return the step of a name, or None where the task has none."""
        return next((step for step in self.steps if step.name == name), None)

    def name_of(self, called: str) -> str:
        """The name in the task of the step that is called so in the Workflow."""
        return next((step.name for step in self.steps if step.called == called), called)

    @property
    def cursors_in_workflow(self) -> dict[str, Mapping[str, Any]]:
        """The cursors by the steps' names in the Workflow, as an engine knows them."""
        called = {step.name: step.in_workflow for step in self.steps}
        return {called.get(name, name): cursor for name, cursor in self.cursors.items()}

    def as_json(self) -> dict[str, Any]:
        """The state as JSON data, from which `from_json` makes it again."""
        return {
            **compact(self),
            "steps": [step.as_json() for step in self.steps],
            "cursors": {step: dict(cursor) for step, cursor in self.cursors.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Make a state of what `as_json` gave."""
        found = known(cls, data)
        found["phase"] = member(Phase, found["phase"])
        found["steps"] = tuple(StepState.from_json(step) for step in found["steps"])
        for name in ("verdict", "ending"):
            if found.get(name) is not None:
                found[name] = _ending(found[name])
        return cls(**found)


def _ending(data: Mapping[str, Any]) -> Ending:
    found = known(Ending, data)
    return Ending(**{**found, "phase": member(Phase, found["phase"])})
