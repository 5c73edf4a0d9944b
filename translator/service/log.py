"""The service's own log: one line an event on stderr, JSON unless a person watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import structlog

from translator.observe.masking import Mask


def to_stderr() -> None:
    """Have what a command logs on stderr, from warnings on: stdout is for data alone."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        # whatever stderr is when a line is written
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def configure(level: str, hidden: Sequence[str] = ()) -> None:
    """Set logging up for this process: ours, and the libraries' through the same formatter.

    Args:
        level: debug, info, warning or error.
        hidden: secrets that no line may show.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    tty = sys.stderr.isatty()
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if tty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    if hidden:
        mask = Mask(hidden)
        last.append(lambda _, __, line: mask.text(str(line)))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # These tell of every request and every start; what goes wrong they tell as warnings.
    for name in ("uvicorn", "uvicorn.error", "asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # a logger that is kept would go on writing where it did before this was called
        cache_logger_on_first_use=False,
    )
