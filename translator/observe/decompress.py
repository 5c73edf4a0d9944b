"""The node statuses of a big Workflow, which Argo compresses into ``status.compressedNodes``."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any, Final

import brotli  # type: ignore[import-untyped]  # it publishes no type information
import zstandard

from translator.errors import PermanentError
from translator.observe.reasons import ENGINE_ERROR, remedy

LONGEST: Final = 64 << 20
"""Bytes that the nodes of one Workflow may decompress to; compressed, Argo allows them 1 MiB."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


class UnreadableError(PermanentError):
    """Compressed nodes that are none."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"status.compressedNodes cannot be read: {why}", reason=ENGINE_ERROR, remedy=remedy(ENGINE_ERROR)
        )


def nodes(compressed: str) -> dict[str, Any]:
    """Return the nodes by their id.

    Args:
        compressed: base64 of JSON compressed with gzip, zstd or brotli (brotli has no magic number).

    Raises:
        UnreadableError: it is none of these, or decompresses to more than `LONGEST` bytes.
    """
    try:
        data = base64.b64decode(compressed, validate=True)
        found = json.loads(_decompress(data))
    except (ValueError, EOFError, OSError, zlib.error, zstandard.ZstdError, brotli.error) as error:
        raise UnreadableError(str(error) or type(error).__name__) from error
    if not isinstance(found, dict):
        raise UnreadableError("it holds no mapping")
    return found


def _decompress(data: bytes) -> bytes:
    if data.startswith(_GZIP):
        return _bounded(zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(data, LONGEST + 1))
    if data.startswith(_ZSTD):
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            return _bounded(reader.read(LONGEST + 1))
    return _bounded(brotli.Decompressor().process(data, output_buffer_limit=LONGEST + 1))


def _bounded(data: bytes) -> bytes:
    if len(data) > LONGEST:
        message = f"it decompresses to more than {LONGEST} bytes"
        raise ValueError(message)
    return data
