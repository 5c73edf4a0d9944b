from __future__ import annotations

from translator.settings import Settings
from translator.settings.keys import key_of


def test_every_setting_has_a_key_of_its_own():
    keys = [key_of(name) for name in Settings.model_fields]
    assert len(set(keys)) == len(keys)
    assert {"SERVER-ADDRESS", "BIZ-ID", "ROW-LIMIT", "LOG-LEVEL", "redisConfig", "keepFinishedSeconds"} < set(
        keys
    )
