"""The wire formats between agent-server and the translator (docs/protocol.md), and nothing but the formats.

Bytes, text and JSON data in, values out, and back; no I/O, no clock. No other package knows how a task is
written. Here are HTTP's; those of the link are in `translator.agent_server.protocol.frames`.
"""

from translator.agent_server.protocol.fields import Known
from translator.agent_server.protocol.http import (
    BATCH_PATH,
    CALL_PATH,
    ERROR_CODES,
    EVENTS_PATH,
    INFO_PATH,
    LOG_PATH,
    MAX_ITEMS,
    TASK_TYPES,
    Answer,
    Refusal,
    TaskItem,
    encode_events,
    encode_held,
    encode_known,
    encode_question,
    error_body,
    parse_batch,
    parse_events,
    parse_held,
    parse_known,
    parse_question,
    questions,
)

__all__ = [
    "BATCH_PATH",
    "CALL_PATH",
    "ERROR_CODES",
    "EVENTS_PATH",
    "INFO_PATH",
    "LOG_PATH",
    "MAX_ITEMS",
    "TASK_TYPES",
    "Answer",
    "Known",
    "Refusal",
    "TaskItem",
    "encode_events",
    "encode_held",
    "encode_known",
    "encode_question",
    "error_body",
    "parse_batch",
    "parse_events",
    "parse_held",
    "parse_known",
    "parse_question",
    "questions",
]
