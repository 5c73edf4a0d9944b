"""The requests for one container's log."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from translator.engine.argo.answers import Call, RefusedError, UnavailableError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.container import Container
from translator.engine.argo.objects import pod_path
from translator.engine.argo.stream import Stream
from translator.engine.argo.stretch import time_of
from translator.observe.lines import LONGEST

SILENCE_S = 600.0
"""Seconds without a line after which a follow is begun anew: its connection may be dead."""

_TIME_BYTES = 64
"""More than a line's time has."""


class LogRequests:
    """Asks for a container's log, with the time before each line.

    Args:
        api: the API server.
        container: whose log.

    Attributes:
        call: the request, for messages.
    """

    def __init__(self, api: ApiServer, container: Container) -> None:
        self._api = api
        self._container = container.name
        self._path = f"{pod_path(container.namespace, container.pod)}/log"
        self.call = Call("get", "pods/log", container.namespace, container.pod)

    def read(self, *, follow: bool, since: str = "") -> AbstractAsyncContextManager[Stream]:
        """The log's newest file, and as long as its container runs what comes, if it is followed.

        Args:
            follow: wait for what comes.
            since: as `translator.observe.cursor.Cursor.since`; empty: from the start.

        Raises:
            UnavailableError: try again.
            RefusedError: there is no such log (now).
        """
        query = {"follow": "true"} if follow else {}
        return self._ask(query | ({"sinceTime": since} if since else {}), unchunked=follow)

    async def newest(self) -> str:
        """The time of the newest line; empty where there is none. Raises as `read`."""
        last = b""
        async with self._ask({"tailLines": "1"}) as stream:
            async for chunk in stream:
                last = (last + chunk)[-2 * LONGEST :]
        return time_of(last.rstrip(b"\n").rpartition(b"\n")[2])

    async def first(self) -> str:
        """The time of the newest file's first line; empty where there is none. Raises as `read`."""
        begun = b""
        async with self._ask({"limitBytes": str(_TIME_BYTES)}) as stream:
            async for chunk in stream:
                begun += chunk
        return time_of(begun)

    async def newest_if_told(self) -> str | None:
        """As `newest`; empty too where that is refused, None where it cannot be told now."""
        try:
            return await self.newest()
        except RefusedError:
            return ""
        except UnavailableError:
            return None

    def _ask(self, query: dict[str, str], *, unchunked: bool = False) -> AbstractAsyncContextManager[Stream]:
        asked = {"container": self._container, "timestamps": "true", **query}
        return self._api.stream(self.call, self._path, asked, silence=SILENCE_S, unchunked=unchunked)
