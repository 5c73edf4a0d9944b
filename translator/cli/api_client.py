"""The API from a command: one request, its answer as JSON, and what goes wrong as an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translator.cli.terminal import shown

if TYPE_CHECKING:
    from http.client import HTTPResponse

Server = Annotated[
    str, typer.Option(metavar="URL", envvar="TRANSLATOR_SERVER", help="Where the translator serves its API.")
]
Token = Annotated[
    str, typer.Option(envvar="TRANSLATOR_API_TOKEN", help="The bearer token that the API asks for.")
]
Form = Annotated[Literal["text", "json"], typer.Option("--format", help="How the answer is printed.")]

SERVER = "http://127.0.0.1:8080"

BATCH = "/api/v1/agent/task/batch"
NATIVE = "/api/v1/manager/agent/task/cloud_native"

_ANSWER_S = 60.0
"""A stream says something at least every 15 s."""


class Api:
    """The API of one server.

    Args:
        server: its URL.
        token: the bearer token, if it asks for one.
    """

    def __init__(self, server: str, token: str) -> None:
        self._server = server.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The answer to a GET.

        Raises:
            typer.Exit: with 2: it is refused; with 3: nobody answers.
        """
        with self._open("GET", path, query) as answer:
            return json.load(answer)

    def post(self, path: str, data: object = None) -> Any:
        """The answer to a POST; raises as `get` does."""
        with self._open("POST", path, None, data) as answer:
            return json.load(answer)

    def task(self, task_id: str, part: str = "", query: Mapping[str, object] | None = None) -> Any:
        """What the API says of one task."""
        return self.get(task_path(task_id, part), query)

    def follow(self, path: str, query: Mapping[str, object]) -> Iterator[tuple[str, str, Any]]:
        """The frames of a stream of server-sent events: name, id and data of each; raises as `get` does.

        An OSError says that the stream broke.
        """
        with self._open("GET", path, {**query, "follow": "true"}) as answer:
            frame: dict[str, str] = {}
            for raw in _lines(answer):
                line = raw.decode().rstrip("\r\n")
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    frame[name] = value
                elif frame and not line:
                    yield frame.get("event", "message"), frame.get("id", ""), json.loads(frame["data"])
                    frame = {}

    def _open(
        self, method: str, path: str, query: Mapping[str, object] | None, data: object = None
    ) -> HTTPResponse:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.parse import urlencode, urlsplit
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class NoRedirect(HTTPRedirectHandler):
            """Follows none: the token, and what is submitted, are for the server that was named alone."""

            def redirect_request(self, *_: object, **__: object) -> None:
                return None

        if urlsplit(self._server).scheme not in {"http", "https"}:
            _fail(2, f"{self._server!r} is no http or https URL: give --server http://HOST:PORT")
        url = self._server + path + (f"?{urlencode(query)}" if query else "")
        body = None if data is None else json.dumps(data).encode()
        headers = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
        request = Request(url, data=body, headers=headers, method=method)  # noqa: S310 - http or https
        try:
            return build_opener(NoRedirect).open(request, timeout=_ANSWER_S)  # type: ignore[no-any-return]
        except HTTPError as error:
            with error:
                if 300 <= error.code < 400:
                    target = error.headers.get("Location", "")[:200]
                    _fail(
                        3,
                        f"{url} was answered {error.code}: it points to {target!r}, and no redirect is "
                        "followed: give the API's own address with --server",
                    )
                _fail(3 if error.code in {502, 503, 504} else 2, _refusal(error.code, error.read()))
        except (OSError, HTTPException) as error:
            _fail(3, f"{self._server} cannot be reached: {getattr(error, 'reason', error)}")
        raise AssertionError  # _fail never returns


def task_path(task_id: str, part: str = "") -> str:
    """Where the API has a task, or a part of it."""
    from urllib.parse import quote

    return f"/api/v1/tasks/{quote(task_id, safe='')}{part}"


def show(data: object) -> None:
    """Print JSON."""
    print(shown(json.dumps(data, ensure_ascii=False, indent=2), sys.stdout))


def settle(answer: Mapping[str, Any], where: str) -> None:
    """Tell what is wrong with a submission or an action.

    Args:
        answer: as an item of a batch is answered.
        where: what the lines of its problems are lines of; empty: they have none.

    Raises:
        typer.Exit: with 2: it was not taken.
    """
    for problem in answer.get("problems", ()):
        place = f"{where}:{problem['line']}:{problem['column']}: " if where else ""
        path = f"{problem['path']}: " if where and problem["path"] else ""
        hint = f" ({problem['hint']})" if problem["hint"] else ""
        print(f"{place}{problem['severity']}: {path}{problem['message']}{hint}", file=sys.stderr)
    if answer["outcome"] in {"conflict", "rejected"}:
        raise typer.Exit(2)


def _lines(answer: HTTPResponse) -> Iterator[bytes]:
    from http.client import HTTPException

    try:
        yield from answer
    except HTTPException as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


def _refusal(status: int, body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered {status}: {body[:200].decode(errors='replace')}"


def _fail(code: int, message: str) -> None:
    print(f"translator: {message}", file=sys.stderr)
    raise typer.Exit(code)


def act(action: str, task_id: str, server: str, token: str, form: str) -> None:
    """Order something of a task, and show the answer."""
    answer = Api(server, token).post(NATIVE, {"action": action, "taskId": task_id})
    if form == "json":
        show(answer)
    settle(answer, "")
    if form == "text":
        print(answer.get("message", answer["outcome"]), file=sys.stderr)
