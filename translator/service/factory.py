"""The composition root: everything that settings decide is put together here, and nowhere else."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from translator.agent_server.address import LINK_SCHEMES
from translator.agent_server.api import create_app
from translator.agent_server.client import AgentServerClient
from translator.agent_server.link.client import LinkClient
from translator.engine.local.engine import LocalEngine
from translator.engine.local.refusal import Notice
from translator.observe.observation import WorkflowRef
from translator.service.assembly import assemble
from translator.service.engine import Engine
from translator.service.metrics import Metrics
from translator.service.options import installation_of, options, own_secrets
from translator.service.reload import Reload
from translator.service.replica import Replica, margin_s
from translator.service.request import RequestLimit
from translator.service.service import Service
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.settings import Settings
from translator.settings.redis import Redis as RedisSettings
from translator.store.address import parse_address
from translator.store.calls import Sign
from translator.store.connect import Client, connect
from translator.store.embedded import EMPTY, Embedded
from translator.store.keys import wake_channel
from translator.store.leases import Leases
from translator.store.notices import Notices
from translator.store.store import Store
from translator.store.tenure import Tenure

if TYPE_CHECKING:
    from translator.service.traces import Traces

_log = structlog.get_logger()


def _local(settings: Settings, metrics: Metrics) -> Engine:
    del metrics
    grace = margin_s(settings.local_grace_seconds) / 2
    return LocalEngine(on_notice=_log_notice, lapse_grace=grace)


def _argo(settings: Settings, metrics: Metrics) -> Engine:
    # kubernetes.aio takes long to import, and only this engine needs it
    from translator.engine.argo.engine import ArgoEngine  # noqa: PLC0415

    chosen = settings.argo
    return ArgoEngine.from_kubeconfig(
        str(chosen.kubeconfig.expanduser()) if chosen.kubeconfig else None,
        context=chosen.context or None,
        namespaces=chosen.namespaces,
        logs_at_once=chosen.logs_at_once,
        kill_grace_s=chosen.kill_grace_seconds,
        shards=settings.shards,
        installation=installation_of(settings),
        on_list=metrics.listed,
    )


ENGINES: Mapping[str, Callable[[Settings, Metrics], Engine]] = {"local": _local, "argo": _argo}
"""What each value of the setting ``engine`` stands for."""


def _log_notice(ref: WorkflowRef, notice: Notice) -> None:
    _log.warning("differs from a cluster", workflow=ref.name, step=notice.step, notice=notice.message)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that has started, the API before it, and what takes changed settings in."""

    service: Service
    app: FastAPI
    reload: Reload


@asynccontextmanager
async def running(settings: Settings, *, engine: Engine | None = None) -> AsyncIterator[Running]:
    """Everything that ``serve`` runs but the HTTP server, started; stopped and cleaned up at the end.

    Call it from the main thread: an embedded Valkey dies with the thread that started it.

    Args:
        settings: all of them.
        engine: used instead of the one that the settings name.

    Raises:
        TemporaryError: Redis or the engine cannot be reached.
        PermanentError: the settings do not fit what is there.
    """
    async with AsyncExitStack() as stack:
        if settings.redis is None:
            embedded = Embedded(settings.data_dir.expanduser(), max_memory=2 * settings.all_log_bytes + EMPTY)
            stack.callback(embedded.stop)
            embedded.start()
            redis, vital = connect(embedded.socket), connect(embedded.socket)
        else:
            redis, vital = connect_to(settings.redis), connect_to(settings.redis)
        stack.push_async_callback(redis.aclose)
        # leases and readiness wait in no queue behind those who read logs
        stack.push_async_callback(vital.aclose)
        life = secrets.token_hex(8)
        sign = Sign(life, wake_channel(database(settings.redis)))
        tenure = Tenure()
        metrics = Metrics()
        metrics.shards_in_all(settings.shards)
        limit = RequestLimit(settings.max_request_bytes)
        store = Store(
            redis,
            shards=settings.shards,
            tenure=tenure,
            sign=sign,
            wait_replicas=settings.redis.wait_replicas if settings.redis else 0,
            keep_s=settings.keep_finished_seconds,
            keep_bytes=settings.keep_log_bytes,
            spill_bytes=settings.spill_log_bytes,
            event_bytes=lambda: limit.events,
            max_bytes=settings.max_store_bytes,
            vital=vital,
        )
        await store.open()
        name = _replica_name(settings)
        sender = _sender(settings, name)
        stack.push_async_callback(sender.close)
        traces = _traces(settings, store)
        if traces is not None:
            stack.push_async_callback(traces.close)
        hidden = own_secrets(settings)
        translation = Translation(options(settings), load_template(settings.workflow.template), hidden)
        reload = Reload(settings, translation, sender)
        grace_s, settle_s = _graces(settings)
        service = assemble(
            store,
            engine or ENGINES[settings.engine](settings, metrics),
            sender,
            translation,
            url_of=partial(_url, settings.argo.workflow_url),
            row_limit=settings.row_limit,
            limit=limit,
            parallel_submissions=settings.parallel_submissions,
            parallel_deliveries=settings.parallel_deliveries,
            linger_seconds=settings.linger_seconds,
            all_log_bytes=settings.all_log_bytes,
            sweep_seconds=settings.sweep_seconds,
            flush_seconds=settings.flush_seconds,
            reconcile_seconds=settings.reconcile_seconds,
            unseen_seconds=settings.argo.unseen_seconds,
            installation=installation_of(settings),
            grace_seconds=settings.termination_grace_seconds,
            on_drain=sender.drain if isinstance(sender, LinkClient) else lambda: None,
            metrics=metrics,
            on_emptied=traces.emptied if traces else lambda *_: None,
            replica=Replica(
                Leases(
                    vital,
                    shards=settings.shards,
                    name=name,
                    life=life,
                    lease_s=settings.lease_seconds,
                    settle_s=settle_s,
                ),
                tenure,
                Notices(redis, sign),
                lease_s=settings.lease_seconds,
                grace_s=grace_s,
                metrics=metrics,
            ),
        )
        stack.push_async_callback(service.stop)
        await service.start()
        if isinstance(sender, LinkClient):
            sender.start(service, unheld=service.unheld)
        info = {"bizId": settings.biz_id} if settings.biz_id else {}
        app = create_app(
            service,
            token=reload.api_token,
            max_body=settings.max_body_bytes,
            ready=service.ready,
            info=info,
            desk=service.desk,
            call_seconds=settings.call_seconds,
            allowed_hosts=settings.allowed_hosts,
        )
        yield Running(service, app, reload)


def connect_to(chosen: RedisSettings) -> Client:
    """A client of the Redis that the settings name."""
    return connect(
        chosen.addr,
        username=chosen.username,
        password=chosen.password,
        db=chosen.db,
        sentinel_password=chosen.sentinel_password,
        ca_file=chosen.ca_file.expanduser() if chosen.ca_file else None,
    )


def database(chosen: RedisSettings | None) -> int:
    """The number of the database that the settings name."""
    if chosen is None:
        return 0
    told = parse_address(chosen.addr).db
    return chosen.db if told is None else told


def _replica_name(settings: Settings) -> str:
    """The name by which a process takes up at once what its former self held.

    Two at a time cannot have the same: one data folder has one user, and one port one listener.
    """
    if settings.replica_name:
        return settings.replica_name
    if settings.redis is None:
        return "embedded"
    port = settings.listen.rpartition(":")[2]
    # port 0 is another one each time
    return f"{socket.gethostname()}:{port if int(port) else secrets.token_hex(4)}"


def _graces(settings: Settings) -> tuple[float, float]:
    """How long local processes go on past a lease's end here, and when another's are all gone, in seconds."""
    if settings.engine != "local":
        return 0.0, 0.0
    if settings.redis is None:
        # nobody else has this Valkey, so nobody takes over
        return float("inf"), 0.0
    grace = settings.local_grace_seconds
    return grace, grace + margin_s(grace)


def _traces(settings: Settings, store: Store) -> Traces | None:
    chosen = settings.traces
    if not chosen.endpoint:
        return None
    # takes a third of a second to import, and few want it
    from translator.service.traces import Traces  # noqa: PLC0415

    return Traces.to(store, chosen.endpoint, ratio=chosen.ratio)


def _sender(settings: Settings, replica: str) -> AgentServerClient | LinkClient:
    """What brings events to agent-server, as its address says; over a link tasks come in too."""
    url, token = settings.server_address, settings.agent_server_token
    if url.partition("://")[0].lower() in LINK_SCHEMES:
        return LinkClient(
            url,
            biz_id=settings.biz_id,
            token=token,
            replica=replica,
            row_limit=settings.row_limit,
            max_bytes=settings.max_request_bytes,
        )
    return AgentServerClient(
        url, events_path=settings.events_path, max_bytes=settings.max_request_bytes, token=token
    )


def _url(pattern: str, ref: WorkflowRef) -> str:
    for name in ("namespace", "name", "uid"):
        pattern = pattern.replace(f"{{{name}}}", getattr(ref, name))
    return pattern
