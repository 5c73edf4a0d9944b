"""Engines to run hand-written manifests on."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from translator.engine.local.engine import LocalEngine


@pytest.fixture
def bubblewrap() -> bool:
    """Whether the engine may use mounts; where that plays a part, the file asks for both ways."""
    return True


@pytest.fixture
async def engine(tmp_path: Path, bubblewrap: bool) -> AsyncIterator[LocalEngine]:
    one = LocalEngine(root=tmp_path / "runs", grace=0.3, bubblewrap=bubblewrap)
    await one.start()
    yield one
    await one.close()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".lock"]


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """An engine for tests in which mounts play no part."""
    one = LocalEngine(root=tmp_path / "runs", grace=0.3, bubblewrap=False)
    await one.start()
    yield one
    await one.close()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".lock"]


@pytest.fixture
def python() -> str:
    """The interpreter itself, without a version manager's wrapper around it."""
    return str(Path(sys.executable).resolve())
