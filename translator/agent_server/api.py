"""The HTTP API that the translator serves: agent-server's own, so that a caller can be pointed at either."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from translator import __version__
from translator.agent_server import api_logs, api_mirror, api_tasks, openapi
from translator.agent_server.api_error import ApiError, handle_errors
from translator.agent_server.body import BodyReader
from translator.agent_server.desk import Desk
from translator.agent_server.hosts import HostCheck
from translator.agent_server.intake import Intake, submit_batch
from translator.agent_server.middleware import EncodedSlashes, HeadAsGet, ReadLimit
from translator.agent_server.protocol import BATCH_PATH, INFO_PATH, TASK_TYPES
from translator.errors import TranslatorError

MAX_BODY: Final = 64 * 1024 * 1024

_BEARER: Final = HTTPBearer(auto_error=False)


def create_app(
    intake: Intake,
    *,
    token: Callable[[], str] = lambda: "",
    max_body: int = MAX_BODY,
    body_timeout: float = 30.0,
    ready: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
    info: Mapping[str, Any] | None = None,
    desk: Desk | None = None,
    call_seconds: float = 60.0,
    allowed_hosts: Collection[str] = (),
) -> FastAPI:
    """Build the API.

    Args:
        intake: where tasks go.
        token: tells the bearer token that callers must show now; empty: none is asked for.
        max_body: bytes that a body may have.
        body_timeout: seconds within which a body must have come.
        ready: raises a `TranslatorError` while tasks cannot be taken, and says what else is wrong; asked by
            ``/readyz``.
        info: what ``/api/v1/agent/info`` says besides name, version and task types.
        desk: knows the tasks; None: only batches are taken.
        call_seconds: how long ``codo/call`` waits where the caller does not say it.
        allowed_hosts: names, besides this machine's, under which the API may be asked for without a token.
    """
    app = FastAPI(
        title="translator",
        version=__version__,
        summary="Runs CODO's cloud tasks on Argo Workflows",
        redoc_url=None,
        redirect_slashes=False,
    )
    handle_errors(app)
    app.add_middleware(EncodedSlashes, below=(api_tasks.TASKS_PATH, api_tasks.LETTERS_PATH))
    app.add_middleware(HeadAsGet)
    app.add_middleware(ReadLimit)
    app.add_middleware(HostCheck, allowed=allowed_hosts, asks_token=lambda: bool(token()))
    body = BodyReader(max_body, body_timeout)
    guard = [Depends(_token_check(token))]

    @app.post(BATCH_PATH, dependencies=guard, responses=openapi.BATCH_ANSWERS, openapi_extra=openapi.BATCH)
    async def task_batch(request: Request) -> JSONResponse:
        """Submit tasks. Every item is answered on its own, in order; an accepted one is durable."""
        answers = await submit_batch(intake, await body.json(request))
        return JSONResponse([answer.as_json() for answer in answers])

    @app.get(INFO_PATH, dependencies=guard, responses=openapi.GUARDED)
    async def agent_info() -> dict[str, Any]:
        """Who serves here."""
        return {"name": "translator", "version": __version__, "taskTypes": list(TASK_TYPES), **(info or {})}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    @app.get("/readyz", responses=openapi.READY_ANSWERS)
    async def readyz() -> dict[str, str]:
        """Whether tasks can be taken, and what is wrong although they can."""
        try:
            notes = await ready() if ready is not None else {}
        except TranslatorError as error:
            raise ApiError(503, "not-ready", error.message) from error
        return {"status": "ok", **notes}

    if desk is not None:
        _add_desk(app, desk)
        # before the tasks' own: a taskId may hold slashes, so that their path takes what others leave
        app.include_router(api_logs.router(desk), dependencies=guard)
        app.include_router(api_tasks.router(desk), dependencies=guard)
        app.include_router(api_mirror.router(intake, desk, body, call_seconds), dependencies=guard)
    return app


def _add_desk(app: FastAPI, desk: Desk) -> None:
    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """The figures, in Prometheus' text format."""
        return Response(await desk.metrics(), media_type="text/plain; version=0.0.4")


def _token_check(token: Callable[[], str]) -> Callable[..., None]:
    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        shown = given.credentials.encode() if given else b""
        expected = token().encode()
        if expected and not secrets.compare_digest(shown, expected):
            message = "a bearer token is needed, and the one given (if any) is not it"
            raise ApiError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})

    return check
