"""How the stand-in reads and answers HTTP requests, errors too: in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from translator.agent_server.json_text import MalformedError
from translator.agent_server.protocol import ERROR_CODES, error_body


async def read_json(request: web.Request) -> bytes:
    """The body of a JSON request."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason="Content-Type must be application/json")
    return await request.read()


@web.middleware
async def json_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer what a handler raises."""
    try:
        response: web.StreamResponse = await handler(request)
    except MalformedError as error:
        return refusal(400, error.code, error.message)
    except web.HTTPException as error:
        code = ERROR_CODES.get(error.status, "http-error")
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        return refusal(error.status, code, f"{request.method} {request.path}: {error.reason}", headers)
    return response


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that is an error as a whole."""
    return web.json_response(error_body(code, message), status=status, headers=headers)


def cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def no_server_header(_: web.Request, response: web.StreamResponse) -> None:
    """Leave out who serves."""
    # aiohttp would tell its version and Python's
    response.headers.pop("Server", None)
