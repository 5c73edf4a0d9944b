"""Agent-server's API for one task at a time: ``codo/call`` and ``task/cloud_native``."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from translator.agent_server import openapi
from translator.agent_server.api_error import ApiError
from translator.agent_server.api_tasks import find_task
from translator.agent_server.body import BodyReader
from translator.agent_server.desk import Desk
from translator.agent_server.following import LOOK_S, changed, has_ended
from translator.agent_server.intake import Intake, submit_batch
from translator.agent_server.json_text import Ambiguous, MalformedError, unfit
from translator.agent_server.protocol import CALL_PATH, Refusal, TaskItem, parse_batch
from translator.agent_server.protocol.fields import kind_of
from translator.agent_server.protocol.http import known_fields

NATIVE_PATH: Final = "/api/v1/manager/agent/task/cloud_native"

ACTIONS: Final = ("submit", "terminate", "retry")

_FIELDS: Final = {"action": "action", "taskid": "taskId"}


def router(intake: Intake, desk: Desk, body: BodyReader, call_seconds: float) -> APIRouter:
    """The endpoints.

    Args:
        intake: where tasks go.
        desk: knows the tasks.
        body: how bodies are read.
        call_seconds: how long a call waits that does not say it.
    """
    api = APIRouter()

    @api.post(CALL_PATH, responses=openapi.CALL_ANSWERS, openapi_extra=openapi.CALL)
    async def call(
        request: Request,
        deadline: Annotated[
            float | None, Query(ge=0, le=86400, allow_inf_nan=False, description="seconds to wait")
        ] = None,
    ) -> JSONResponse:
        """Submit one task and wait for its end, or for the deadline; the task itself goes on after it."""
        item = parse_batch([await body.json(request)])[0]
        answer = item.answer() if isinstance(item, Refusal) else (await intake.submit([item]))[0]
        told = answer.as_json()
        runs = isinstance(item, TaskItem) and item.task_type == "CloudTask"
        if not runs or answer.outcome not in {"accepted", "duplicate"}:
            return JSONResponse(told)
        seconds = call_seconds if deadline is None else deadline
        try:
            async with asyncio.timeout(seconds):
                told["task"] = await _ended(desk, answer.task_id)
        except TimeoutError as error:
            task = await desk.task(answer.task_id)
            message = f"task {answer.task_id!r} has not ended within {seconds:g} s; it goes on"
            raise ApiError(504, "deadline-exceeded", message, more={"task": task}) from error
        return JSONResponse({**told, "phase": told["task"]["phase"]})

    @api.post(NATIVE_PATH, responses=openapi.NATIVE_ANSWERS, openapi_extra=openapi.NATIVE)
    async def act(request: Request) -> JSONResponse:
        """Submit, terminate or retry one task; it is answered as an item of a batch is."""
        data = await body.json(request)
        if not isinstance(data, dict):
            raise MalformedError("not-an-object", f"the body must be an object, not {kind_of(data)}")
        fields, clashes = known_fields(data, _FIELDS)
        if isinstance(data, Ambiguous) or clashes:
            name = data.twice if isinstance(data, Ambiguous) else clashes[0]
            raise MalformedError("duplicate-key", f"the key {name[:64]!r} is given twice")
        action = fields.get("action")
        if action not in ACTIONS:
            raise MalformedError("unknown-action", f"action must be one of {', '.join(ACTIONS)}")
        if action == "submit":
            item = {key: value for key, value in data.items() if key.lower() not in {"action", "tasktype"}}
            item["taskType"] = "CloudTask"
            return JSONResponse((await submit_batch(intake, [item]))[0].as_json())
        task_id = fields.get("taskId")
        if not isinstance(task_id, str) or not task_id or unfit(task_id):
            raise MalformedError("missing-task-id", "taskId must name a task")
        answer = await (desk.terminate(task_id) if action == "terminate" else desk.retry(task_id))
        return JSONResponse(answer.as_json())

    @api.get(NATIVE_PATH, responses=openapi.READING_ANSWERS)
    async def query(
        task_id: Annotated[str, Query(max_length=600, description="taskId, or taskId---agentId")],
    ) -> JSONResponse:
        """All about one task."""
        return JSONResponse(await find_task(desk, task_id))

    return api


async def _ended(desk: Desk, task_id: str) -> dict[str, Any]:
    with desk.watch(task_id) as change:
        while True:
            change.clear()
            task = await desk.task(task_id)
            if task is None:
                raise ApiError(404, "not-found", f"task {task_id!r} is not kept any more")
            if has_ended(task):
                return task
            await changed(change, LOOK_S)
