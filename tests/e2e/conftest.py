"""A real cluster with Argo, named by KUBECONFIG; without one these tests are skipped."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from tests.e2e.attempts import Cluster
from translator.engine.argo.engine import ArgoEngine
from translator.errors import TranslatorError


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("no cluster: KUBECONFIG is not set (docs/cluster.md)")
    engine = ArgoEngine.from_kubeconfig(kill_grace_s=10)
    try:
        await engine.start()
    except TranslatorError as error:
        await engine.close()
        pytest.skip(f"no cluster with Argo: {error.message}")
    made = Cluster(engine)
    yield made
    await made.release()
    await engine.close()
