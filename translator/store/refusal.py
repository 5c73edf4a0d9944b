"""Why a transaction wrote nothing (`translator.store.tenure.LostShardError` is one more such reason)."""

from __future__ import annotations

from translator.errors import TranslatorError


class StaleWriterError(TranslatorError):
    """Another writer has moved the task on: what this one knows is out of date, and it wrote nothing."""


class SetBackError(StaleWriterError):
    """Redis holds an older record than this writer knows: an older state of Redis was restored."""


class UnknownTaskError(TranslatorError):
    """The store holds no such task (it was never accepted, or its time of being kept is over)."""
