from __future__ import annotations

import base64
import gzip
import json

import brotli
import pytest
import zstandard

from translator.observe import decompress
from translator.observe.decompress import LONGEST, UnreadableError

NODES = {"wf": {"id": "wf", "phase": "Running", "message": "漢" * 500}}
DATA = json.dumps(NODES).encode()
SQUEEZE = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    # written as a stream: the frame does not say how much it holds
    "zstd stream": lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
    "brotli": brotli.compress,
}


@pytest.mark.parametrize("squeeze", SQUEEZE.values(), ids=SQUEEZE)
def test_every_compression_is_told_by_its_bytes(squeeze):
    assert decompress.nodes(base64.b64encode(squeeze(DATA)).decode()) == NODES


@pytest.mark.parametrize("squeeze", SQUEEZE.values(), ids=SQUEEZE)
def test_half_of_it_is_an_error_that_names_it(squeeze):
    half = squeeze(DATA)
    half = half[: len(half) // 2]
    with pytest.raises(UnreadableError, match=r"status\.compressedNodes cannot be read"):
        decompress.nodes(base64.b64encode(half).decode())


@pytest.mark.parametrize(
    "squeeze", [*list(SQUEEZE.values())[:3], lambda data: brotli.compress(data, quality=1)], ids=SQUEEZE
)
def test_a_bomb_is_an_error(squeeze):
    bomb = base64.b64encode(squeeze(b" " * (LONGEST + 10))).decode()
    with pytest.raises(UnreadableError, match="more than"):
        decompress.nodes(bomb)


GZIPPED_LIST = base64.b64encode(gzip.compress(b"[1]", mtime=0)).decode()


@pytest.mark.parametrize("text", ["", "%%%", "aGVsbG8=", GZIPPED_LIST])
def test_what_is_none_of_them_is_an_error(text):
    with pytest.raises(UnreadableError) as error:
        decompress.nodes(text)
    assert error.value.remedy
