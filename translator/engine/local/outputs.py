"""The output parameters of a step, read from the files that it left."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from translator.engine.local.placement import Placement
from translator.engine.local.plan import Pod
from translator.engine.local.status import Outcome
from translator.engine.local.templating import fill_inputs

OUTPUT_LIMIT = 1_571_000
"""Bytes that are read of an output parameter: etcd refuses 1.5 MiB, with what Argo writes around it (4.1.2:
1,570,000 passed)."""


def read_outputs(
    pod: Pod, end: Outcome, placement: Placement, inputs: Mapping[str, str]
) -> tuple[Outcome, dict[str, str]]:
    """The output parameters, also of a step that failed; one that is missing makes a success an error.

    Args:
        pod: the step's.
        end: how its process ended.
        placement: where its files are.
        inputs: its input parameters.

    Returns:
        How it ended after all, and the values.
    """
    values: dict[str, str] = {}
    for output in pod.outputs:
        try:
            value = read_output(placement.source(output.path))
        except ValueError as error:
            return Outcome("Error", f"output parameter {output.name} is {error}", end.exit_code), values
        if value is None and output.default is not None:
            value = fill_inputs(output.default, inputs)
        if value is not None:
            values[output.name] = value
        elif end.phase == "Succeeded":
            end = Outcome("Error", f"output parameter {output.name}: there is no file {output.path}", 0)
    return end, values


def read_output(path: Path) -> str | None:
    """An output parameter's value as Argo reads it, its last line end cut; None where there is no file.

    A link out of the file's folder is none: it would hand the service's files to the step. Neither is a FIFO,
    which would keep the engine waiting.

    Raises:
        ValueError: it is larger than `OUTPUT_LIMIT`.
    """
    try:
        if not path.resolve().is_relative_to(path.parent.resolve()):
            return None
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            data = file.read(OUTPUT_LIMIT + 1)
    except OSError:
        return None
    if len(data) > OUTPUT_LIMIT:
        raise ValueError(f"larger than {OUTPUT_LIMIT} bytes")
    return data.decode("utf-8", "replace").removesuffix("\n")
