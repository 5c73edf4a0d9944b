from __future__ import annotations

from translator.engine.argo.untold import END, WORKFLOW, Untold
from translator.observe.observation import PodSeen, WorkflowGone, WorkflowSeen

OLD, NEW = WorkflowSeen({"version": 1}), WorkflowSeen({"version": 2})
POD, OTHER = PodSeen({"name": "a"}), PodSeen({"name": "b"})


def test_only_the_newest_form_is_told_and_the_workflow_after_its_pods() -> None:
    woken = []
    untold = Untold(lambda: woken.append(1))
    untold.put(END, WorkflowGone())
    untold.put(WORKFLOW, OLD)
    untold.put("a", PodSeen({"name": "a", "old": True}))
    untold.put("b", OTHER)
    untold.put("a", POD)
    untold.put(WORKFLOW, NEW)
    assert len(woken) == 6
    assert untold.take(pods_known=True) == [OTHER, POD, NEW, WorkflowGone()]
    assert untold.take(pods_known=True) == []


def test_the_workflow_waits_until_its_pods_are_known() -> None:
    untold = Untold(lambda: None)
    untold.put(WORKFLOW, NEW)
    untold.put("a", POD)
    assert untold.take(pods_known=False) == [POD]
    assert untold.take(pods_known=False) == []
    assert untold.take(pods_known=True) == [NEW]
