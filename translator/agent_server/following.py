"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) of a task that runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from fastapi.responses import StreamingResponse

from translator.agent_server.desk import Change, Desk
from translator.errors import TranslatorError
from translator.observe.event import Phase

LOOK_S: Final = 2.0
"""Another process may have moved the task on, which nobody tells this one."""

_QUIET_S: Final = 15.0
"""A comment after so long keeps proxies from closing the connection."""

Frame = tuple[str, Any]
"""Where to go on after it, and its data."""

Read = Callable[[], Awaitable[tuple[list[Frame], bool]]]
"""What is new, and whether that was all there is now."""


def has_ended(task: dict[str, Any] | None) -> bool:
    """Whether the task's current attempt has ended; a task that is not known any more has."""
    return task is None or Phase(task["phase"]).final


async def changed(change: Change, seconds: float) -> None:
    """Wait for a change, but no longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await change.wait()
    except TimeoutError:
        return


def follow(desk: Desk, task_id: str, read: Read) -> StreamingResponse:
    """Answer with what there is, then with what comes, until the attempt has ended and all is told.

    Args:
        desk: knows the task.
        task_id: of the task.
        read: gives what is new each time.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(desk, task_id, read), media_type="text/event-stream", headers=headers)


async def _stream(desk: Desk, task_id: str, read: Read) -> AsyncIterator[str]:
    with desk.watch(task_id) as change:
        quiet = 0.0
        try:
            while True:
                change.clear()
                task = await desk.task(task_id)
                frames, exhausted = await read()
                for place, data in frames:
                    yield f"id: {place}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
                if exhausted and has_ended(task):
                    yield f"event: end\ndata: {json.dumps({'phase': task['phase'] if task else ''})}\n\n"
                    return
                quiet = 0.0 if frames else quiet
                if not exhausted:
                    continue
                await changed(change, LOOK_S)
                quiet += LOOK_S
                if quiet >= _QUIET_S:
                    quiet = 0.0
                    yield ": nothing new\n\n"
        except TranslatorError as error:
            # the status is long sent; the reader connects anew with Last-Event-ID
            yield f"event: error\ndata: {json.dumps({'message': error.message})}\n\n"
