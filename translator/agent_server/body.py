"""How the API reads a body in JSON: of a bounded size, in a bounded time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect

from translator.agent_server.api_error import ApiError
from translator.agent_server.json_text import parse_json


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads bodies; FastAPI's own way has no limits, and answers in its own form.

    Attributes:
        limit: bytes that a body may have.
        seconds: within which it must have come.
    """

    limit: int
    seconds: float

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
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and len(declared) < 20 and int(declared) > self.limit:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self.seconds):
                async for part in request.stream():
                    body += part
                    if len(body) > self.limit:
                        raise self._too_large()
        except TimeoutError as error:
            message = f"the body did not come within {self.seconds:g} s"
            raise ApiError(408, "body-timeout", message, {"Connection": "close"}) from error
        except ClientDisconnect as error:
            raise ApiError(400, "incomplete-body", "the connection ended before the body did") from error
        return parse_json(bytes(body))

    def _too_large(self) -> ApiError:
        message = f"a body may have {self.limit} bytes"
        return ApiError(413, "body-too-large", message, {"Connection": "close"})
