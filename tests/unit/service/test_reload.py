from __future__ import annotations

from translator.service.options import options
from translator.service.reload import Reload
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.settings import Settings
from translator.settings.policy import PolicyGroup


class Shower:
    def show(self, token):
        self.shown = token


def test_what_may_not_change_stays_in_the_options_of_the_translation():
    """A Workflow's shard is a label, and it must be the shard by which the store has the task."""
    old = Settings(server_address="http://x", shards=4)
    translation = Translation(options(old), load_template())
    new = old.model_copy(update={"shards": 8, "policy": PolicyGroup(max_steps=3), "agent_server_token": "t"})
    shower = Shower()
    Reload(old, translation, shower).take(new)
    assert translation._options.shards == 4
    assert translation._options.policy.max_steps == 3
    assert shower.shown == "t"


def test_secrets_of_before_stay_masked():
    """Neither narrower ``secretParams`` nor a new token shows what was hidden when a task was submitted."""
    old = Settings(server_address="http://x", api_token="old-token", engine="argo")
    translation = Translation(options(old), load_template(), old.secrets())
    params = [("db_password", "hunter2-hunter2"), ("colour", "blue-blue")]
    were_secret = translation.secret_names(params)
    new = old.model_copy(update={"secret_params": ["colour"], "api_token": "new-token"})
    Reload(old, translation, Shower()).take(new)
    told = translation.mask(params, were_secret).text("hunter2-hunter2 blue-blue old-token new-token")
    assert told == "*** *** *** ***"
    assert translation.mask(params).text("hunter2-hunter2 blue-blue") == "hunter2-hunter2 ***"
