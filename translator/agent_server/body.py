"""How the API reads a body in JSON: of a bounded size, in a bounded time."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from translator.agent_server.api_error import ApiError
from translator.agent_server.json_text import parse_json

AT_ONCE: Final = 2
"""Bodies of the largest size that all callers together may be sending, so that memory stays bounded."""


_GZIP: Final = b"\x1f\x8b"
"""No JSON begins like this."""


class BodyReader:
    """Reads bodies; FastAPI's own way has no limits, and answers in its own form.

    Args:
        limit: bytes that a body may have.
        seconds: within which it must have come.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._left = AT_ONCE * limit

    async def json(self, request: Request) -> object:
        """The data in a request's body.

        Raises:
            ApiError: it is refused.
            MalformedError: it is no JSON.
        """
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            message = f"Content-Type must be application/json, not {content_type[:64] or 'absent'}"
            raise ApiError(415, "wrong-content-type", message)
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in {"", "identity"}:
            raise self._compressed(f"Content-Encoding is {encoding[:64]!r}")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and len(declared) < 20 and int(declared) > self._limit:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for part in request.stream():
                    if len(body) + len(part) > self._limit:
                        raise self._too_large()
                    if len(part) > self._left:
                        message = "too many large bodies are coming at once"
                        raise ApiError(503, "busy", message, {"Retry-After": "1", "Connection": "close"})
                    self._left -= len(part)
                    body += part
        except TimeoutError as error:
            message = f"the body did not come within {self._seconds:g} s"
            raise ApiError(408, "body-timeout", message, {"Connection": "close"}) from error
        except ClientDisconnect as error:
            raise ApiError(400, "incomplete-body", "the connection ended before the body did") from error
        finally:
            self._left += len(body)
        if body.startswith(_GZIP):
            raise self._compressed("the body is compressed by gzip, whatever its headers say")
        return parse_json(bytes(body))

    def _compressed(self, what: str) -> ApiError:
        # what a body unpacks to cannot be known before; RFC 9110 (15.5.16) has the header for this
        message = f"{what}, and none is unpacked here: send the JSON as it is"
        return ApiError(415, "wrong-content-encoding", message, {"Accept-Encoding": "identity"})

    def _too_large(self) -> ApiError:
        message = f"a body may have {self._limit} bytes"
        return ApiError(413, "body-too-large", message, {"Connection": "close"})
