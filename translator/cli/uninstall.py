"""``translator uninstall``: lets go of what an installation has in the cluster and in Redis."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.engine.argo.uninstall import Belongings
    from translator.settings import Settings
    from translator.store.erase import Kept


def uninstall(
    namespaces: list[str] = typer.Argument(
        None,
        metavar="[NAMESPACE]...",
        help="Where tasks ran; left out: those of argo.namespaces, or all.",
    ),
    config: Path | None = typer.Option(
        None,
        "--config",
        metavar="FILE",
        help="The service's settings: whose objects, which cluster and Redis.",
    ),
    redis: bool = typer.Option(False, "--redis", help="Also delete the installation's keys in Redis."),
    yes: bool = typer.Option(False, "--yes", help="Do it. Without, only the plan is printed."),
) -> None:
    """Let go of Workflows, ConfigMaps, Secrets and, with --redis, keys of this installation.

    Stop the service first. Objects of other installations stay. Exit code 0: done, or planned; 2: the
    settings cannot be used; 3: the cluster or Redis cannot be reached, or a service is still at work.
    """
    import asyncio

    from translator.errors import PermanentError, TemporaryError
    from translator.settings import InvalidSettingsError, load_settings

    try:
        settings = load_settings(config)
    except InvalidSettingsError as error:
        print(f"uninstall: {error.message}", file=sys.stderr)
        raise typer.Exit(2) from error
    try:
        code = asyncio.run(_uninstall(settings, namespaces or settings.argo.namespaces, redis=redis, yes=yes))
    except (PermanentError, TemporaryError) as error:
        print(f"uninstall: {error.message}", file=sys.stderr)
        if remedy := getattr(error, "remedy", ""):
            print(f"  {remedy}", file=sys.stderr)
        raise typer.Exit(3) from error
    raise typer.Exit(code)


async def _uninstall(settings: Settings, namespaces: Sequence[str], *, redis: bool, yes: bool) -> int:
    from translator.engine.argo.client import ApiServer
    from translator.engine.argo.uninstall import belongings, let_go
    from translator.service.factory import connect_to
    from translator.service.options import installation_of
    from translator.store.erase import erase, look

    chosen, whose = settings.argo, installation_of(settings)
    kubeconfig = str(chosen.kubeconfig.expanduser()) if chosen.kubeconfig else None
    api = ApiServer(kubeconfig=kubeconfig, context=chosen.context or None)
    client = connect_to(settings.redis) if redis and settings.redis is not None else None
    try:
        # all is looked at before anything is done
        kept = await look(client) if client is not None else None
        await api.open()
        found = await belongings(api, namespaces or ("",), whose)
        where = ", ".join(namespaces) or "all namespaces"
        for line in _plan(found, where, whose):
            print(line)
        if redis:
            for line in _redis_plan(settings, kept):
                print(line)
        if kept is not None and kept.replicas:
            print(
                f"uninstall: still at work: {', '.join(kept.replicas)}: stop the service first",
                file=sys.stderr,
            )
            return 3
        if not yes:
            print("nothing was done: --yes does it")
            return 0
        await let_go(api, found)
        if client is not None:
            await erase(client)
    finally:
        await api.close()
        if client is not None:
            await client.aclose()
    print("done")
    return 0


def _plan(found: Belongings, where: str, whose: str) -> Iterator[str]:
    yield f"of the installation {whose}, in {where}:"
    runs = f", {found.running} of which run, and run on" if found.running else ""
    yield f"  let go of {len(found.workflows)} Workflows{runs}"
    counts = {kind: sum(each.resource == kind for each in found.things) for kind in ("configmaps", "secrets")}
    yield f"  delete {counts['configmaps']} ConfigMaps and {counts['secrets']} Secrets"
    for name, count in sorted(found.of_others.items()):
        yield f"  leave {count} objects of {f'the installation {name}' if name else 'no installation'}"


def _redis_plan(settings: Settings, kept: Kept | None) -> Iterator[str]:
    if kept is None or settings.redis is None:
        folder = settings.data_dir.expanduser()
        yield f"no Redis is configured; what the embedded one kept goes with its folder: rm -r {folder}"
        return
    from translator.service.factory import database

    yield f"in Redis, database {database(settings.redis)}:"
    yield f"  delete {kept.keys} keys, {kept.tasks} of them tasks with all their events"
