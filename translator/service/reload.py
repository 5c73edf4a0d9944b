"""Takes changed settings into a service that runs (SIGHUP), as far as they may change."""

from __future__ import annotations

from typing import Protocol

import structlog

from translator.agent_server.address import require_token
from translator.service.log import configure
from translator.service.options import options, own_secrets
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.settings import Settings
from translator.settings.keys import key_of

_log = structlog.get_logger()

RELOADABLE = ("agent_server_token", "api_token", "log_level", "policy", "secret_params", "workflow")
"""The settings that may change; the others are read when the service starts."""


class Shower(Protocol):
    """What shows a bearer token to agent-server: over HTTP or over the link."""

    def show(self, token: str) -> None:
        """Show this one from now on; empty: none."""


class Reload:
    """The settings of a service that runs.

    Args:
        settings: those that it has been started with.
        translation: that of the service.
        sender: shows `agent_server_token`.
    """

    def __init__(self, settings: Settings, translation: Translation, sender: Shower) -> None:
        self._settings = settings
        self._hidden = own_secrets(settings)
        self._translation = translation
        self._sender = sender

    def api_token(self) -> str:
        """The bearer token that callers of the API must show now."""
        return self._settings.api_token

    def take(self, new: Settings) -> None:
        """Take the new values of what may change, all of them or none, and say what needs a restart.

        Raises:
            PermanentError: they cannot be used; everything stays as it is.
        """
        old = self._settings
        changed = [name for name in type(new).model_fields if getattr(new, name) != getattr(old, name)]
        taken = [name for name in changed if name in RELOADABLE]
        # what may not change stays in the options too: the number of shards is what the tasks were split by
        now = old.model_copy(update={name: getattr(new, name) for name in taken})
        require_token(now.listen_host, now.api_token, insecure=now.insecure_api)
        # those of before go on to be masked: a token may be taken elsewhere until it is revoked there
        hidden = tuple(dict.fromkeys((*self._hidden, *own_secrets(now))))
        self._translation.use(options(now), load_template(now.workflow.template), hidden)
        self._hidden = hidden
        self._settings = now
        self._sender.show(now.agent_server_token)
        configure(now.log_level, hidden)
        _log.info("settings reloaded", changed=[key_of(name) for name in taken])
        if waiting := [key_of(name) for name in changed if name not in RELOADABLE]:
            _log.warning("changed, but read only at the start", settings=waiting)
