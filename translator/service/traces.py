"""Sends the trace of each attempt to an OpenTelemetry collector, once agent-server holds its last event."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import datetime

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from translator import __version__
from translator.errors import TranslatorError
from translator.observe.spans import Span, spans
from translator.service import clock
from translator.store.reader import Reader

_FIRST = 50
"""Events of an attempt among which the one that tells of its Workflow is looked for."""

_log = structlog.get_logger()


class Traces:
    """Makes a trace of what is stored.

    A trace's id follows from taskId and attempt: whoever makes it, and how often, it is the same trace.

    Args:
        store: where attempts are.
        exporter: where spans go.
        ratio: of the attempts that are traced, 0 to 1.
    """

    def __init__(self, store: Reader, exporter: SpanExporter, *, ratio: float = 1.0) -> None:
        self._store = store
        self._ids = _Ids()
        resource = Resource.create({"service.name": "translator", "service.version": __version__})
        self._provider = TracerProvider(
            id_generator=self._ids,
            sampler=TraceIdRatioBased(ratio),
            resource=resource,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("translator")
        self._making: set[asyncio.Task[None]] = set()

    @classmethod
    def to(cls, store: Reader, endpoint: str, *, ratio: float) -> Traces:
        """Traces for a collector.

        Args:
            store: where attempts are.
            endpoint: its URL for OTLP over HTTP, such as ``http://collector:4318/v1/traces``.
            ratio: of the attempts that are traced.
        """
        return cls(store, OTLPSpanExporter(endpoint=endpoint), ratio=ratio)

    def emptied(self, task_id: str, attempt: int, seq: int) -> None:
        """Say that agent-server holds a task's last event: if it is the attempt's last, its trace is made."""
        making = self._make(task_id, (attempt, seq))
        task = asyncio.get_running_loop().create_task(making, name=f"trace {task_id}")
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def close(self) -> None:
        """Send what is left, for some seconds at most."""
        await asyncio.gather(*self._making, return_exceptions=True)
        await asyncio.to_thread(self._provider.shutdown)

    async def _make(self, task_id: str, held: tuple[int, int]) -> None:
        try:
            record = await self._store.load(task_id)
            if record is None or not record.state.final:
                return
            state = record.state
            if held != (state.attempt, state.seq):
                return
            first = await self._store.events(task_id, (state.attempt, 0), _FIRST)
            last = await self._store.events(task_id, (state.attempt, state.seq - 1), 1)
            if not last:
                return  # forgotten since: a finished task may be kept for no time at all
        except TranslatorError as error:
            _log.warning("no trace", taskId=task_id, error=error.message)
            return
        events = [json.loads(kept.text) for kept in first]
        whole, *parts = spans(state, events, json.loads(last[0].text), clock.rfc3339())
        root = _root(f"{task_id}\0{state.attempt}")
        # nothing is awaited between these, so that no other attempt's span gets the ids
        self._ids.next = root
        self._send(whole, None)
        self._ids.next = None
        for part in parts:
            self._send(part, trace.set_span_in_context(trace.NonRecordingSpan(root)))

    def _send(self, span: Span, parent: Context | None) -> None:
        made = self._tracer.start_span(
            span.name, parent, start_time=_nanoseconds(span.start), attributes=span.attributes
        )
        if span.failed:
            made.set_status(trace.StatusCode.ERROR, span.failed)
        made.end(max(_nanoseconds(span.start), _nanoseconds(span.end)))


class _Ids(IdGenerator):
    """Random ids, but for the span that is an attempt's root."""

    def __init__(self) -> None:
        self.next: trace.SpanContext | None = None
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        """Of the next span."""
        return self.next.span_id if self.next else self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        """Of the next trace."""
        return self.next.trace_id if self.next else self._random.generate_trace_id()


def _root(attempt: str) -> trace.SpanContext:
    """The ids of an attempt's root span."""
    digest = hashlib.blake2b(attempt.encode(errors="surrogatepass"), digest_size=24).digest()
    return trace.SpanContext(
        trace_id=int.from_bytes(digest[:16]),
        span_id=int.from_bytes(digest[16:]),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )


def _nanoseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1e9)
