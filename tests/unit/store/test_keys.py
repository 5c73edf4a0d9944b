from __future__ import annotations

from translator.store.keys import keys_of
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
