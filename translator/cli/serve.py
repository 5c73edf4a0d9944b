"""``translator serve``: the sidecar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from translator.service.factory import Running
    from translator.service.reload import Reload
    from translator.settings import Settings


def serve(
    config: Path | None = typer.Option(
        None, "--config", metavar="FILE", help="The YAML file with the settings."
    ),
    listen: str | None = typer.Option(
        None, metavar="HOST:PORT", help="Where the API is served; port 0 chooses one."
    ),
    agent_server: str | None = typer.Option(None, metavar="URL", help="Where events go (SERVER-ADDRESS)."),
    engine: str | None = typer.Option(None, help="What runs the Workflows: local or argo."),
) -> None:
    """Take tasks over HTTP, run them, and tell agent-server what happens, until SIGINT or SIGTERM.

    A terminal that is closed stops it too.

    SIGHUP reads the settings again and takes what may change: LOG-LEVEL, the tokens, policy and workflow.
    """
    from translator.settings import InvalidSettingsError, load_settings

    def read() -> Settings:
        return load_settings(config, listen=listen, server_address=agent_server, engine=engine)

    try:
        settings = read()
    except InvalidSettingsError as error:
        print(f"serve: {error.message}", file=sys.stderr)
        raise typer.Exit(2) from error
    if not settings.server_address:
        print(
            "serve: no agent-server: give --agent-server URL or SERVER-ADDRESS in the file", file=sys.stderr
        )
        raise typer.Exit(2)

    import asyncio
    import os

    from translator import crash_point
    from translator.agent_server.address import require_token
    from translator.errors import PermanentError, TemporaryError
    from translator.service.log import configure
    from translator.service.options import own_secrets

    configure(settings.log_level, own_secrets(settings))
    if settings.engine == "local":
        from translator.engine.local.concealment import conceal

        conceal()
    try:
        require_token(settings.listen_host, settings.api_token, insecure=settings.insecure_api)
        crash_point.arm(os.environ.get(crash_point.VARIABLE, ""))
        asyncio.run(_serve(settings, read))
    except TemporaryError as error:
        print(f"serve: {error.message}", file=sys.stderr)
        raise typer.Exit(3) from error
    except PermanentError as error:
        print(f"serve: {error.message}; {error.remedy}", file=sys.stderr)
        raise typer.Exit(2) from error


async def _serve(settings: Settings, read: Callable[[], Settings]) -> None:
    import asyncio
    import os
    import signal
    from contextlib import AsyncExitStack

    from translator.cli.terminal import Terminal
    from translator.service import full_collections
    from translator.service.http import serving
    from translator.service.starting import start

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            # the second one ends the process at once, by the signal itself, as whoever waits for it expects
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    run: Running | None = None
    early = False

    terminal = Terminal()
    terminal.watch()

    def on_hangup() -> None:
        nonlocal early
        if terminal.has_just_closed():
            # it may come twice, from the kernel and from the shell: it never ends the process at once
            stop.set()
        elif run is None:
            early = True  # the file may have changed since it was read for the start
        else:
            _reload(run.reload, read)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    where = settings.listen_host, int(settings.listen.rpartition(":")[2])
    async with full_collections.seldom(), AsyncExitStack() as stack:
        run = await _unless(stop, start(stack, settings, *where))
        if run is None:
            print("serve: stopped before it had started", file=sys.stderr, flush=True)
            return
        url = await stack.enter_async_context(serving(run.app, *where, connections=settings.max_connections))
        if early:
            _reload(run.reload, read)
        print(f"serve: listening on {url}", file=sys.stderr, flush=True)
        await stop.wait()
        print("serve: stopping; another signal ends it at once", file=sys.stderr, flush=True)
        await run.service.drain()


async def _unless(stop: asyncio.Event, starting: Coroutine[Any, Any, Running]) -> Running | None:
    """What has started; None: it was to stop before that."""
    import asyncio

    task = asyncio.create_task(starting, name="start")
    waiting = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None
    finally:
        waiting.cancel()


def _reload(reload: Reload, read: Callable[[], Settings]) -> None:
    import structlog

    from translator.errors import PermanentError

    try:
        reload.take(read())
    except PermanentError as error:
        structlog.get_logger().error("settings not reloaded", error=error.message, remedy=error.remedy)
