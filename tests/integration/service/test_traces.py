from __future__ import annotations

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.integration.service.rounds import cloud_task, eventually
from translator.agent_server.protocol import BATCH_PATH
from translator.service.factory import running
from translator.service.http import serving
from translator.settings import Settings
from translator.settings.traces import Traces


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        self.spans += [
            span for each in sent.resource_spans for scope in each.scope_spans for span in scope.spans
        ]
        return web.Response()

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
async def collector(serve_web) -> Collector:
    made = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", made.take)
    made.url = await serve_web(app) + "/v1/traces"
    return made


async def run_one(settings: Settings, stand_in, http, *scripts: str) -> None:
    async with running(settings) as run, serving(run.app, "127.0.0.1", 0) as url:
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", *scripts)]) as answer:
            assert answer.status == 200
        final = await stand_in.final("t1")

        async def held() -> bool:
            task = await run.service.desk.task("t1")
            return task["heldByAgentServer"]["seq"] == final["seq"]

        await eventually(held)


def settings(stand_in, tmp_path, **options) -> Settings:
    return Settings(server_address=stand_in.url, data_dir=tmp_path / "data", **options)


async def test_an_attempt_is_one_trace(collector, stand_in, http, tmp_path):
    chosen = settings(stand_in, tmp_path, traces=Traces(endpoint=collector.url))
    await run_one(chosen, stand_in, http, "echo one", "exit 3")
    (whole,) = collector.named("task Failed")
    assert whole.status.message == "StepFailed"
    parts = [span for span in collector.spans if span is not whole]
    assert sorted(span.name for span in parts) == ["deliver", "step s1", "step s2", "submit"]
    assert {span.trace_id for span in collector.spans} == {whole.trace_id}
    assert {span.parent_span_id for span in parts} == {whole.span_id}
    assert whole.parent_span_id == b""
    assert all(span.end_time_unix_nano <= whole.end_time_unix_nano for span in parts)


async def test_none_is_made_where_none_is_wanted(collector, stand_in, http, tmp_path):
    await run_one(settings(stand_in, tmp_path), stand_in, http, "true")
    none = Traces(endpoint=collector.url, ratio=0)
    await run_one(settings(stand_in, tmp_path, traces=none), stand_in, http, "true")
    assert collector.spans == []


async def test_an_attempt_that_was_forgotten_meanwhile_has_none(round_, monkeypatch):
    from translator.service.traces import Traces as Maker

    await round_.post(cloud_task("t1", "true"))
    final = await round_.outcome("t1")

    async def nothing(*_):
        return []

    monkeypatch.setattr(round_.store, "events", nothing)
    exporter = InMemorySpanExporter()
    traces = Maker(round_.store, exporter)
    traces.emptied("t1", 1, final["seq"])
    (making,) = traces._making
    await making
    await traces.close()
    assert exporter.get_finished_spans() == ()
