"""How the API refuses a request as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from translator.agent_server.json_text import MalformedError
from translator.agent_server.protocol import ERROR_CODES, error_body
from translator.errors import NoRoomError, TemporaryError, TranslatorError


class ApiError(Exception):
    """A request that is refused as a whole.

    Args:
        status: the HTTP status.
        code: stable kebab-case name.
        message: one sentence for the caller.
        headers: further headers of the answer.
        more: further members of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def answer(self) -> JSONResponse:
        """The refusal as it is answered."""
        return JSONResponse({**error_body(self.code, self.message), **self.more}, self.status, self.headers)


def handle_errors(app: FastAPI) -> None:
    """Answer what the handlers raise in the API's own form."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(MalformedError, _malformed)
    app.add_exception_handler(TranslatorError, _translator_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error.answer()


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MalformedError)
    return ApiError(400, error.code, error.message).answer()


async def _translator_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TranslatorError)
    if not isinstance(error, TemporaryError):
        return ApiError(500, "internal", error.message).answer()
    headers = {"Retry-After": str(math.ceil(error.retry_after or 1))}
    if isinstance(error, NoRoomError):
        return ApiError(429, "no-room", error.message, headers).answer()
    return ApiError(503, "unavailable", error.message, headers).answer()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return ApiError(422, "invalid-parameter", f"{first['loc'][-1]}: {first['msg']}").answer()


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return ApiError(
        error.status_code, ERROR_CODES.get(error.status_code, "http-error"), message, error.headers
    ).answer()


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    # the server logs it; the caller can do nothing about it
    return ApiError(500, "internal", "the translator failed; its log says how").answer()
