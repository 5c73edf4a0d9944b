from __future__ import annotations

import pytest

from translator.store.keys import keys_of, task_id_of
from translator.workflow.names import shard


def test_all_keys_of_a_task_share_its_shards_hash_tag():
    keys = keys_of("task:{x}", 64)
    number = shard("task:{x}", 64)
    assert keys.shard == number
    assert keys.inbox == f"translator:{{{number}}}:inbox"
    assert keys.open == f"translator:{{{number}}}:open"
    assert keys.task("task:{x}") == f"translator:{{{number}}}:task:task:{{x}}"
    assert keys.events("task:{x}") == f"translator:{{{number}}}:events:task:{{x}}"
    assert all(key.startswith(f"translator:{{{number}}}:") for key in keys.of("task:{x}"))


@pytest.mark.parametrize("task_id", ["t1", "task:{x}", "任务\n2", ""])
def test_a_records_key_says_whose_it_is(task_id):
    keys = keys_of(task_id, 64)
    assert task_id_of(keys.task(task_id).encode()) == task_id
    for other in keys.of(task_id)[1:]:
        assert task_id_of(other.encode()) is None


@pytest.mark.parametrize(
    "key", [b"translator:shards", b"session:task:t1", b"my translator:{1}:task:t1", b"\xff"]
)
def test_keys_of_others_are_no_records(key):
    assert task_id_of(key) is None
