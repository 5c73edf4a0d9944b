"""The HTTP API that the translator serves: agent-server's own, so that a caller can be pointed at either."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from translator import __version__
from translator.agent_server import openapi
from translator.agent_server.intake import Intake, submit_batch
from translator.agent_server.json_text import MalformedError, parse_json
from translator.agent_server.protocol import (
    BATCH_PATH,
    ERROR_CODES,
    INFO_PATH,
    TASK_TYPES,
    Answer,
    error_body,
)
from translator.errors import TemporaryError, TranslatorError

MAX_BODY: Final = 64 * 1024 * 1024

_BEARER: Final = HTTPBearer(auto_error=False)


class ApiError(Exception):
    """A request that is refused as a whole.

    Args:
        status: the HTTP status.
        code: stable kebab-case name.
        message: one sentence for the caller.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def answer(self) -> JSONResponse:
        """The refusal as it is answered."""
        return JSONResponse(error_body(self.code, self.message), self.status, self.headers)


def create_app(
    intake: Intake,
    *,
    token: str = "",
    max_body: int = MAX_BODY,
    body_timeout: float = 30.0,
    ready: Callable[[], Awaitable[None]] | None = None,
    info: Mapping[str, Any] | None = None,
) -> FastAPI:
    """Build the API.

    Args:
        intake: where tasks go.
        token: the bearer token that callers must show; empty: none is asked for.
        max_body: bytes that a body may have.
        body_timeout: seconds within which a body must have come.
        ready: raises a `TranslatorError` while tasks cannot be taken; asked by ``/readyz``.
        info: what ``/api/v1/agent/info`` says besides name, version and task types.
    """
    app = FastAPI(
        title="translator",
        version=__version__,
        summary="Runs CODO's cloud tasks on Argo Workflows",
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    guard = [Depends(_token_check(token))] if token else []

    @app.post(BATCH_PATH, dependencies=guard, responses=openapi.BATCH_ANSWERS, openapi_extra=openapi.BATCH)
    async def task_batch(request: Request) -> JSONResponse:
        """Submit tasks. Every item is answered on its own, in order; an accepted one is durable."""
        body = await _read_json(request, max_body, body_timeout)
        try:
            data = parse_json(body)
        except MalformedError as error:
            raise ApiError(400, error.code, error.message) from error
        answers = await _submit(intake, data)
        return JSONResponse([answer.as_json() for answer in answers])

    @app.get(INFO_PATH, dependencies=guard)
    async def agent_info() -> dict[str, Any]:
        """Who serves here."""
        return {"name": "translator", "version": __version__, "taskTypes": list(TASK_TYPES), **(info or {})}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    @app.get("/readyz", responses=openapi.READY_ANSWERS)
    async def readyz() -> dict[str, str]:
        """Whether tasks can be taken."""
        if ready is not None:
            try:
                await ready()
            except TranslatorError as error:
                raise ApiError(503, "not-ready", error.message) from error
        return {"status": "ok"}

    return app


async def _submit(intake: Intake, data: object) -> list[Answer]:
    try:
        return await submit_batch(intake, data)
    except MalformedError as error:
        raise ApiError(400, error.code, error.message) from error
    except TemporaryError as error:
        seconds = math.ceil(error.retry_after or 1)
        headers = {"Retry-After": str(seconds)}
        raise ApiError(503, "unavailable", error.message, headers) from error
    except TranslatorError as error:
        raise ApiError(500, "internal", error.message) from error


async def _read_json(request: Request, limit: int, seconds: float) -> bytes:
    """The body of a JSON request; FastAPI's own limit on bodies answers in plain text."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        message = f"Content-Type must be application/json, not {content_type[:64] or 'absent'}"
        raise ApiError(415, "wrong-content-type", message)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and len(declared) < 20 and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError as error:
        message = f"the body did not come within {seconds:g} s"
        raise ApiError(408, "body-timeout", message, {"Connection": "close"}) from error
    except ClientDisconnect as error:
        raise ApiError(400, "incomplete-body", "the connection ended before the body did") from error
    return bytes(body)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "body-too-large", f"a body may have {limit} bytes", {"Connection": "close"})


def _token_check(token: str) -> Callable[..., None]:
    expected = token.encode()

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        shown = given.credentials.encode() if given else b""
        if not secrets.compare_digest(shown, expected):
            message = "a bearer token is needed, and the one given (if any) is not it"
            raise ApiError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})

    return check


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error.answer()


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return ApiError(
        error.status_code, ERROR_CODES.get(error.status_code, "http-error"), message, error.headers
    ).answer()


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    # the server logs it; the caller can do nothing about it
    return ApiError(500, "internal", "the translator failed; its log says how").answer()
