"""Where the process can be made to kill itself, so that tests show that nothing is lost there.

Each durable step, which changes Redis, the cluster, this machine or what agent-server holds, runs within
`around`: that names the moment before it and the moment after it. Tests start ``translator serve`` with
``TRANSLATOR_CRASH_AT=after-append``: it gets SIGKILL, by its own hand, when it comes there;
``after-append:3``: at the third time. Without the variable, as in every real installation, `around` does
nothing.
"""

from __future__ import annotations

import os
import signal
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Final

from translator.errors import PermanentError

VARIABLE: Final = "TRANSLATOR_CRASH_AT"


class Step(StrEnum):
    """The durable steps; `tests.unit.test_crash_point` finds those that were forgotten."""

    # the store's transactions
    OPEN_STORE = "open-store"
    PROBE = "probe"
    ACCEPT = "accept"
    BEGIN = "begin"
    APPEND = "append"
    COUNT = "count"
    RETRY = "retry"
    ACKNOWLEDGE = "acknowledge"
    RELEASE = "release"
    REVOKE = "revoke"
    PARK = "park"
    UNPARK = "unpark"
    SHORTEN = "shorten"
    SHRINK = "shrink"
    FORGET = "forget"
    WAIT = "wait"
    ANNOUNCE_REPLICA = "announce-replica"
    TEND_LEASE = "tend-lease"
    TAKE_LEASE = "take-lease"
    LET_GO_LEASE = "let-go-lease"
    REBUILD = "rebuild"
    REINDEX = "reindex"

    # what the Argo engine orders the API server to do
    CREATE_CONFIGMAP = "create-configmap"
    CREATE_SECRET = "create-secret"  # noqa: S105 - no password
    DELETE_SECRET = "delete-secret"  # noqa: S105 - no password
    CREATE_WORKFLOW = "create-workflow"
    OWN_CONFIGMAP = "own-configmap"
    DELETE_CONFIGMAP = "delete-configmap"
    SHUTDOWN_WORKFLOW = "shutdown-workflow"
    LOWER_DEADLINE = "lower-deadline"
    RESTORE_LABELS = "restore-labels"
    FAIL_POD = "fail-pod"
    DELETE_POD = "delete-pod"
    REMOVE_FINALIZER = "remove-finalizer"

    # what the local engine starts
    START_PROCESS = "start-process"

    # to agent-server, until its answer has come
    SEND = "send"


POINTS: Final = frozenset(f"{when}-{step}" for step in Step for when in ("before", "after"))
"""Every place where the process can be killed."""


class _Moments(AbstractContextManager[None]):
    """Counts how often the wanted moment comes, and ends the process at the last."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def __enter__(self) -> None:
        _reach(f"before-{self._step}")

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:
            _reach(f"after-{self._step}")


_NOTHING: Final = nullcontext()

_wanted = ""
_left = 0


def arm(text: str) -> None:
    """Choose where this process is to be killed.

    Args:
        text: a point, or ``point:n`` for the n-th time it is reached; empty: nowhere.

    Raises:
        PermanentError: there is no such point.
    """
    global _wanted, _left
    point, _, nth = text.partition(":")
    if text and (point not in POINTS or not (nth or "1").isdecimal() or nth == "0"):
        raise PermanentError(
            f"{VARIABLE}={text}: there is no such point",
            reason="InvalidSettings",
            remedy=f"unset it (it is for tests), or choose one of {', '.join(sorted(POINTS))}",
        )
    _wanted, _left = point, int(nth or 1)


def around(step: Step) -> AbstractContextManager[None]:
    """The context in which a durable step is done."""
    return _Moments(step) if _wanted else _NOTHING


def _reach(point: str) -> None:
    global _left  # noqa: PLW0603 - see above
    if point != _wanted:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
