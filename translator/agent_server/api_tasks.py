"""The part of the API that shows tasks: lists, one task, its events, its objects; and dead letters."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import AfterValidator

from translator.agent_server import openapi
from translator.agent_server.api_error import ApiError
from translator.agent_server.desk import Desk, Place, parse_place, place_text
from translator.agent_server.following import Frame, follow, has_ended
from translator.errors import PermanentError
from translator.observe.event import Phase
from translator.workflow.text import as_yaml

TASKS_PATH: Final = "/api/v1/tasks"
LETTERS_PATH: Final = "/api/v1/dead-letters"

Follow = Annotated[
    bool, Query(alias="follow", description="go on by server-sent events until the attempt has ended")
]
TaskId = Annotated[str, AfterValidator(unquote)]
"""As `translator.agent_server.middleware.EncodedSlashes` leaves it in a path."""
Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most")]
_Before = Annotated[float | None, Query(allow_inf_nan=False, description="`next` of the page before")]
After = Annotated[str, Query(max_length=40, description="`next` of the page before")]
Attempt = Annotated[int | None, Query(ge=1, le=10**9, description="absent: the last one")]
LastId = Annotated[str, Header(alias="Last-Event-ID", description="where a broken stream is taken up")]


def router(desk: Desk) -> APIRouter:
    """The endpoints.

    Args:
        desk: knows the tasks.
    """
    api = APIRouter(responses=openapi.READING_ANSWERS)

    @api.get(TASKS_PATH)
    async def list_tasks(
        before: _Before = None, limit: Limit = 100, phase: Phase | None = None
    ) -> JSONResponse:
        """The tasks, the last accepted first. A page may be short, or empty, and still have a `next`."""
        tasks, following = await desk.tasks(before, limit, str(phase or ""))
        return JSONResponse({"tasks": tasks, "next": None if following is None else repr(following)})

    @api.get(TASKS_PATH + "/{task_id:path}/events", response_model=None)
    async def events(
        task_id: TaskId,
        after: After = "",
        limit: Limit = 100,
        attempt: Attempt = None,
        following: Annotated[bool, Query(alias="follow")] = False,
        last_id: LastId = "",
    ) -> Response:
        """The events of a task: of all attempts, or of one."""
        await known_task(desk, task_id)
        at = _place(last_id or after) if last_id or after else (attempt or 0, 0)
        stream = _Events(desk, task_id, at, attempt, limit)
        if following:
            return follow(desk, task_id, stream.read)
        frames, exhausted = await stream.read()
        end = exhausted and has_ended(await desk.task(task_id))
        body = {"events": [event for _, event in frames], "next": place_text(stream.at), "end": end}
        return JSONResponse(body)

    @api.get(TASKS_PATH + "/{task_id:path}/manifest", response_model=None)
    async def manifest(
        task_id: TaskId, form: Annotated[Literal["json", "yaml"], Query(alias="format")] = "json"
    ) -> Response:
        """The Kubernetes objects that the task's last attempt became."""
        try:
            objects = await desk.manifest(task_id)
        except PermanentError as error:
            raise ApiError(409, "untranslatable", error.message) from error
        if objects is None:
            raise _unknown(task_id)
        if form == "yaml":
            return PlainTextResponse(as_yaml(objects), media_type="application/yaml")
        return JSONResponse({"apiVersion": "v1", "kind": "List", "items": objects})

    @api.get(TASKS_PATH + "/{task_id:path}")
    async def one(task_id: TaskId) -> JSONResponse:
        """All about one task."""
        return JSONResponse(await known_task(desk, task_id))

    @api.get(LETTERS_PATH)
    async def dead_letters() -> JSONResponse:
        """The tasks whose events agent-server refused for good: they are kept, and not sent."""
        return JSONResponse({"deadLetters": await desk.dead_letters()})

    @api.post(LETTERS_PATH + "/{task_id:path}/replay")
    async def replay(task_id: TaskId) -> JSONResponse:
        """Send a task's refused events again."""
        if not await desk.replay(task_id):
            raise ApiError(404, "not-found", f"no events of task {task_id!r} were refused")
        return JSONResponse({"taskId": task_id, "replayed": True})

    return api


async def find_task(desk: Desk, name: str) -> dict[str, Any]:
    """The task of a ``taskId---agentId``, or of a taskId alone.

    Both ids may hold ``---``, so each way to cut the name is tried.

    Raises:
        ApiError: there is none.
    """
    if task := await desk.task(name):
        return task
    cut = name.find("---")
    while cut >= 0:
        task = await desk.task(name[:cut])
        if task and task["agentId"] == name[cut + 3 :]:
            return task
        cut = name.find("---", cut + 1)
    raise _unknown(name)


class _Events:
    """Reads on from where it is."""

    def __init__(self, desk: Desk, task_id: str, at: Place, attempt: int | None, limit: int) -> None:
        self._desk = desk
        self._task_id = task_id
        self._attempt = attempt
        self._limit = limit
        self.at = at

    async def read(self) -> tuple[list[Frame], bool]:
        told = await self._desk.events(self._task_id, self.at, self._limit)
        wanted = [each for each in told if self._attempt in {None, each.place[0]}]
        if wanted:
            self.at = wanted[-1].place
        exhausted = len(told) < self._limit or len(wanted) < len(told)
        return [(place_text(each.place), each.event) for each in wanted], exhausted


async def known_task(desk: Desk, task_id: str) -> dict[str, Any]:
    """The task of a taskId.

    Raises:
        ApiError: there is none.
    """
    task = await desk.task(task_id)
    if task is None:
        raise _unknown(task_id)
    return task


def _unknown(task_id: str) -> ApiError:
    return ApiError(404, "not-found", f"there is no task {task_id[:300]!r}")


def _place(text: str) -> Place:
    try:
        return parse_place(text)
    except ValueError as error:
        raise ApiError(422, "invalid-parameter", f"after: {error}") from error
