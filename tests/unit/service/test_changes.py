from __future__ import annotations

from translator.service.changes import Changes


def test_only_those_who_watch_the_task_are_told():
    changes = Changes()
    with changes.watch("a") as one, changes.watch("a") as two, changes.watch("b") as other:
        changes.tell("a")
        assert (one.is_set(), two.is_set(), other.is_set()) == (True, True, False)
    changes.tell("a")
    assert changes._watching == {}
