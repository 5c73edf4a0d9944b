from __future__ import annotations

import time

import pytest

from translator.task.image import image_fault


@pytest.mark.parametrize(
    "text",
    [
        "alpine",
        "alpine:latest",
        "library/alpine",
        "ccr.ccs.tencentyun.com/library/alpine:latest",
        "harbor.123u.com/public/rocky9.1-python3:latest",
        "localhost:5000/a/b_c__d/e--f:V1.0-x",
        "[::1]:5000/alpine",
        "alpine@sha256:" + "0" * 64,
        "alpine:3@sha256:" + "a" * 64,
        "Registry.Example/alpine",
    ],
)
def test_references(text):
    assert image_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Alpine",
        "alpine:",
        ":tag",
        "alpine:-x",
        "a//b",
        "/alpine",
        "alpine/",
        "a..b",
        "alpine@sha256:12",
        "a b",
        "https://a/b",
        "alpine:" + "x" * 129,
        "镜像",
        "a_-b",
        "x" * 256,
        "a/" * 300 + "b",
        "alpine\n",
        "$IMAGE",
    ],
)
def test_what_is_none(text):
    assert image_fault(text) is not None


def test_a_long_text_does_not_make_the_pattern_run_for_ever():
    started = time.process_time()
    assert image_fault("a-" * 250 + "!") is not None
    assert time.process_time() - started < 1
