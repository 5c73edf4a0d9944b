"""Stands between the service and the API server, and does what networks and API servers do on bad days.

Bytes are passed on as they come, so that watches and followed logs stream; each connection carries one
request, which is what lets a rule decide by its path.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Answering = Callable[[str, str], "Refusal | None"]
_HEAD_END = b"\r\n\r\n"
LOGS = re.compile(r"/api/v1/namespaces/[^/]+/pods/[^/]+/log(\?.*)?")


@dataclass(frozen=True)
class Refusal:
    """What is answered instead of passing a request on.

    Attributes:
        status: of HTTP, with a Status object as the API server writes one; 0: the connection is cut.
        message: of that object.
        delay: seconds before it; with status -1 the request is passed on after them.
    """

    status: int
    message: str = "refused on purpose"
    delay: float = 0.0


@dataclass
class Proxy:
    """A TLS proxy with a certificate of its own.

    Attributes:
        upstream: the API server's URL.
        verify: the TLS context towards it, with a client's certificate where that is how one logs in.
        folder: for the certificate and the kubeconfig.
        rules: each decides by method and path what is refused; where all say None it is passed on.
        silent: nothing is passed on any more, and no connection is closed.
        asked: method and path of every request.
    """

    upstream: str
    verify: ssl.SSLContext
    folder: Path
    rules: list[Answering] = field(default_factory=list)
    silent: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    _open: dict[asyncio.StreamWriter, str] = field(default_factory=dict)
    _swallowed: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def come(self) -> None:
        """Listen, on the same port as before."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(self.folder))
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go(self) -> None:
        """Go away: nobody listens, and what was open is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await asyncio.sleep(0)

    def swallow(self) -> int:
        """From now on, what is open stays open and passes nothing on, for ever; returns how many there are.

        As where a load balancer's backend has vanished, or a firewall has forgotten the connections.
        """
        self._swallowed.update(self._open)
        return len(self._open)

    def cut(self, path: str = "") -> int:
        """Cut the connections whose request's path has this text; returns how many."""
        found = [writer for writer, asked in self._open.items() if path in asked]
        for writer in found:
            writer.transport.abort()
        return len(found)

    @contextlib.asynccontextmanager
    async def refusing(self, status: int, path: re.Pattern[str], **more: Any) -> AsyncIterator[None]:
        """For as long as the block runs, refuse requests for these paths and cut those that are open."""

        def rule(_: str, asked: str) -> Refusal | None:
            return Refusal(status, **more) if path.fullmatch(asked) else None

        self.rules.append(rule)
        for writer, asked in list(self._open.items()):
            if path.fullmatch(asked):
                writer.transport.abort()
        try:
            yield
        finally:
            self.rules.remove(rule)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open[writer] = ""
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            del self._open[writer]
            self._swallowed.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(_HEAD_END)
        request, _, fields = head.partition(b"\r\n")
        method, path, _ = request.decode().split(" ")
        self.asked.append((method, path))
        self._open[writer] = path
        await self._while_silent()
        refusal = next((found for rule in self.rules if (found := rule(method, path))), None)
        if refusal is not None:
            await asyncio.sleep(refusal.delay)
            if refusal.status == 0:
                writer.transport.abort()
                return
            if refusal.status > 0:
                writer.write(_refused(refusal))
                await writer.drain()
                return
        address = urlsplit(self.upstream)
        up_reader, up_writer = await asyncio.open_connection(
            address.hostname, address.port or 443, ssl=self.verify
        )
        try:
            kept = [
                line for line in fields.split(b"\r\n") if line and not line.lower().startswith(b"connection:")
            ]
            up_writer.write(b"\r\n".join([request, *kept, b"Connection: close"]) + _HEAD_END)
            asking = asyncio.create_task(self._pass_on(reader, up_writer, writer))
            try:
                await self._pass_on(up_reader, writer, writer)
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
        finally:
            up_writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while part := await reader.read(65536):
            await self._while_silent()
            if client in self._swallowed:
                break
            writer.write(part)
            await writer.drain()
        if client in self._swallowed:
            # until the service gives it up
            await client.wait_closed()

    async def _while_silent(self) -> None:
        while self.silent:
            await asyncio.sleep(0.05)

    def kubeconfig(self, user: Mapping[str, Any]) -> Path:
        """Write a kubeconfig that leads here.

        Args:
            user: what it logs in with, as in a kubeconfig; empty where the proxy has the certificate.
        """
        authority = base64.b64encode(certificate(self.folder)[0].read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "outside",
            "clusters": [{"name": "outside", "cluster": cluster}],
            "users": [{"name": "outside", "user": dict(user)}],
            "contexts": [{"name": "outside", "context": {"cluster": "outside", "user": "outside"}}],
        }
        file = self.folder / "kubeconfig"
        file.write_text(json.dumps(config))
        return file


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key; made once in a folder."""
    made, key = folder / "proxy.crt", folder / "proxy.key"
    if not made.exists():
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        names = ["-days", "2", "-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(key), "-out", str(made)]
        subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return made, key


def trusting(authority: bytes, certified: tuple[bytes, bytes] | None = None) -> ssl.SSLContext:
    """A client's TLS context that trusts one authority, and shows a certificate where it has one."""
    context = ssl.create_default_context(cadata=authority.decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certified is not None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(certified[0] + b"\n" + certified[1])
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _refused(refusal: Refusal) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": refusal.status}
    body = json.dumps({**status, "metadata": {}, "message": refusal.message, "reason": "Forbidden"}).encode()
    head = f"HTTP/1.1 {refusal.status} Refused\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
