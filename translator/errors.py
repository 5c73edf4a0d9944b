"""The errors that cross module borders, each carrying the decision its catcher needs.

Exception
└── TranslatorError
    ├── PermanentError      trying again cannot help: tell the user why and what to do
    │   └── InvalidInput    (in the ``task`` package) the submission itself is at fault
    └── TemporaryError      the same call may succeed later: try again
        └── NoRoomError     there is too much of it now
"""

from __future__ import annotations


class TranslatorError(Exception):
    """Any error that this project raises on purpose.

    Args:
        message: what went wrong, naming the object it was about.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PermanentError(TranslatorError):
    """Trying again cannot help.

    Args:
        message: what went wrong, naming the object it was about.
        reason: one of the constants of `translator.observe.reasons`, for events and metrics.
        remedy: one line that says what the reader can do about it.
    """

    def __init__(self, message: str, *, reason: str = "Error", remedy: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy


class TemporaryError(TranslatorError):
    """The same call may succeed later.

    Args:
        message: what went wrong, naming the object it was about.
        retry_after: seconds that the other side asked to wait, if it did.
        reason: one of the constants of `translator.observe.reasons`, where nothing was done and whoever waits
            is to be told what for; empty: it is over in a moment, or nobody's to mend.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason


class NoRoomError(TemporaryError):
    """There is too much already; less of it may pass, or the same later.

    Over HTTP it is answered 429 (Too Many Requests), so that a caller can tell it from an outage.
    """
