from __future__ import annotations

import os
from pathlib import Path

import pytest

from translator.engine.local.outputs import OUTPUT_LIMIT, read_output, read_outputs
from translator.engine.local.placement import PodFolder
from translator.engine.local.plan import Container, Output, Pod
from translator.engine.local.status import Outcome

GOOD, BAD = Outcome("Succeeded", "", 0), Outcome("Failed", "main: Error (exit code 3)", 3)


@pytest.mark.parametrize(
    ("content", "value"), [(b"", ""), (b"x\n", "x"), (b"x\n\n", "x\n"), (b"\xff", "\ufffd")]
)
def test_reading_an_output(tmp_path: Path, content: bytes, value: str):
    (tmp_path / "o").write_bytes(content)
    assert read_output(tmp_path / "o") == value


def test_what_is_no_file_of_the_step_is_not_read(tmp_path: Path):
    (tmp_path / "secret").write_text("the service's")
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "fifo")
    assert read_output(folder / "out") is None
    assert read_output(folder / "fifo") is None
    (folder / "value").write_text("v")
    (folder / "inside").symlink_to("value")
    assert read_output(folder / "inside") == "v"


def test_outputs_that_cannot_be_read(tmp_path: Path):
    assert read_output(tmp_path / "none") is None
    assert read_output(tmp_path) is None
    (tmp_path / "big").write_bytes(b"x" * (OUTPUT_LIMIT + 1))
    with pytest.raises(ValueError, match="larger"):
        read_output(tmp_path / "big")


def left(
    tmp_path: Path, end: Outcome, text: str | None, default: str | None
) -> tuple[Outcome, dict[str, str]]:
    """What is read of a step with one output parameter."""
    container = Container("s", "main", "i", "", ("x",), ())
    pod = Pod(task="s", template="s", containers=(container,), outputs=(Output("out", "/tmp/out", default),))
    placement = PodFolder(tmp_path, tmp_path / "1").place(container, {}, pod.outputs, ())
    if text is not None:
        file = placement.source("/tmp/out")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return read_outputs(pod, end, placement, {})


@pytest.mark.parametrize("end", [GOOD, BAD])
def test_a_step_that_failed_leaves_its_outputs_too(tmp_path: Path, end: Outcome):
    assert left(tmp_path, end, "x\n", "default") == (end, {"out": "x"})
    assert left(tmp_path / "other", end, None, "default") == (end, {"out": "default"})


def test_a_missing_output_makes_a_success_an_error(tmp_path: Path):
    end, values = left(tmp_path, GOOD, None, None)
    assert (end.phase, values) == ("Error", {})
    assert left(tmp_path / "other", BAD, None, None) == (BAD, {})


def test_an_output_that_is_too_large_is_an_error(tmp_path: Path):
    end, _ = left(tmp_path, GOOD, "x" * (OUTPUT_LIMIT + 1), None)
    assert end.message == f"output parameter out is larger than {OUTPUT_LIMIT} bytes"
