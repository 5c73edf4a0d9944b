"""Whether a namespace has the token by which Argo's executor reports what a step did.

Where an account of its own is named for the executor, Argo mounts the Secret
``<account>.service-account-token``. A pod without it hangs in Init, and nothing but an event says why. The
service may not read Secrets; creating one with ``dryRun=All`` answers 409 where it exists, and makes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import CORE, collection
from translator.errors import TemporaryError
from translator.observe import reasons

TOKEN_VOLUME = "exec-sa-token"  # noqa: S105 - no password
"""Argo's volume with the token (``common.ServiceAccountTokenVolumeName``)."""

KNOWN_S = 300.0
"""How long a token that was there is taken to be there still."""

MISSING_S = 5.0
"""How long one that was missing is, or that nobody told of, so that many waiting tasks cost one request."""

RETRY_S = 10.0
"""When a task that waits for the token is tried again."""

_log = structlog.get_logger(__name__)


def secret_name(account: str) -> str:
    """The Secret of an account's token, as Argo looks for it (``util/secrets.go``)."""
    return f"{account}.service-account-token"


def executor_of(workflow: Mapping[str, Any]) -> str:
    """The account of a Workflow's executor; empty: it runs as the pod does."""
    return str((workflow["spec"].get("executor") or {}).get("serviceAccountName") or "")


class ExecutorTokens:
    """Knows for a while which namespaces have the token.

    Args:
        api: the API server.
        now: tells seconds that never go back.
    """

    def __init__(self, api: ApiServer, now: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._now = now
        self._known: dict[tuple[str, str], tuple[bool, float]] = {}
        self._asking: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def missing(self, namespace: str, account: str) -> bool:
        """Whether the token is surely not there; asked anew once what is known has become old.

        Raises:
            UnavailableError: the API server cannot be asked now.
        """
        key = namespace, account
        async with self._asking[key]:  # a hundred tasks that come at once ask once
            there, until = self._known.get(key, (True, float("-inf")))
            if self._now() >= until:
                found = await token_exists(self._api, namespace, account)
                there = found is not False
                self._known[key] = there, self._now() + (KNOWN_S if found else MISSING_S)
        return not there


async def token_exists(api: ApiServer, namespace: str, account: str) -> bool | None:
    """Whether the token is there; None: the API server does not say.

    Raises:
        UnavailableError: the API server cannot be asked now.
    """
    name = secret_name(account)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"kubernetes.io/service-account.name": account},
        },
    }
    call = Call("create", "secrets", namespace, name)
    try:
        await api.ask(call, collection(CORE, "secrets", namespace), secret, {"dryRun": "All"})
    except RefusedError as error:
        if error.status == 409:
            return True
        # a quota, a webhook that knows no dry run, a missing permission or namespace: the Workflow decides
        _log.warning("cannot tell whether Argo's executor has its token", error=error.message)
        return None
    return False


def waits_for_token(namespace: str, account: str) -> TemporaryError:
    """The error of a Workflow that is not made, as its pods would wait for the token."""
    return TemporaryError(
        f"the namespace {namespace} has no Secret {secret_name(account)}, by which Argo's executor reports; "
        f"run: translator rbac {namespace} | kubectl apply -f -",
        retry_after=RETRY_S,
        reason=reasons.EXECUTOR_TOKEN_MISSING,
    )
