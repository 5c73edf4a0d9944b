"""The part of the API that shows a task's log, under the translator's own path and under agent-server's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from translator.agent_server import openapi
from translator.agent_server.api_error import ApiError
from translator.agent_server.api_tasks import (
    TASKS_PATH,
    After,
    Attempt,
    LastId,
    Limit,
    TaskId,
    find_task,
    known_task,
)
from translator.agent_server.desk import Desk
from translator.agent_server.following import Frame, follow, has_ended
from translator.agent_server.log_pages import Cursor, read_log
from translator.agent_server.protocol import LOG_PATH

Step = Annotated[str, Query(max_length=63, description="only this step's lines")]


def router(desk: Desk) -> APIRouter:
    """The endpoints.

    Args:
        desk: knows the tasks.
    """
    api = APIRouter(responses=openapi.READING_ANSWERS)

    @api.get(TASKS_PATH + "/{task_id:path}/logs", response_model=None)
    async def logs(
        task_id: TaskId,
        after: After = "",
        limit: Limit = 1000,
        attempt: Attempt = None,
        step: Step = "",
        following: Annotated[bool, Query(alias="follow")] = False,
        last_id: LastId = "",
    ) -> Response:
        """The log of one attempt, line by line; where lines are missing, a row says so."""
        return await _log(
            desk, await known_task(desk, task_id), last_id or after, limit, attempt, step, following
        )

    @api.get(LOG_PATH, response_model=None)
    async def logv2(
        task_id: Annotated[str, Query(max_length=600, description="taskId---agentId")],
        after: After = "",
        limit: Limit = 1000,
        attempt: Attempt = None,
        step: Step = "",
        following: Annotated[bool, Query(alias="follow")] = False,
        last_id: LastId = "",
    ) -> Response:
        """The same log, under agent-server's path."""
        task = await find_task(desk, task_id)
        return await _log(desk, task, last_id or after, limit, attempt, step, following)

    return api


async def _log(
    desk: Desk,
    task: Mapping[str, Any],
    after: str,
    limit: int,
    attempt: int | None,
    step: str,
    following: bool,
) -> Response:
    task_id = task["taskId"]
    try:
        at = Cursor.parse(after) if after else Cursor.start(attempt or task["attempt"])
    except ValueError as error:
        raise ApiError(422, "invalid-parameter", f"after: {error}") from error

    async def read() -> tuple[list[Frame], bool]:
        nonlocal at
        page = await read_log(desk, task_id, at, limit, step)
        at = page.after
        return ([(at.text(), {"lines": page.rows})] if page.rows else []), page.exhausted

    if following:
        return follow(desk, task_id, read)
    frames, exhausted = await read()
    return JSONResponse(
        {
            "taskId": task_id,
            "agentId": task["agentId"],
            "attempt": at.place[0],
            "lines": frames[0][1]["lines"] if frames else [],
            "next": at.text(),
            "end": exhausted and has_ended(await desk.task(task_id)),
        }
    )
