"""A real cluster with Argo, named by KUBECONFIG; without one these tests are skipped.

Tests marked ``scene`` share one service: all their tasks are played from the start, some at once, and each
test asks for what was told of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio

from tests.e2e.attempts import Cluster
from tests.e2e.kubectl import KubectlError, apply, delete_namespace, kubectl, make_namespace, permissions
from tests.e2e.stage import Scene, Stage, staged
from tests.e2e.told import Told
from translator.engine.argo.engine import ArgoEngine
from translator.errors import TranslatorError

PROBE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "spec": {"entrypoint": "wait", "templates": [{"name": "wait", "suspend": {}}]},
}
"""A Workflow without a pod: a controller that lives has it Running at once."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scene(text, act, **args): the task that the test asks about")


@contextmanager
def _no_cluster() -> Iterator[None]:
    try:
        yield
    except (TranslatorError, KubectlError) as error:
        pytest.skip(f"no cluster with Argo: {error}")


def _kubeconfig() -> None:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("no cluster: KUBECONFIG is not set (docs/cluster.md)")


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    _kubeconfig()
    engine = ArgoEngine.from_kubeconfig(kill_grace_s=10)
    try:
        await engine.start()
    except TranslatorError as error:
        await engine.close()
        pytest.skip(f"no cluster with Argo: {error.message}")
    await apply(*permissions("default"))
    made = Cluster(engine)
    yield made
    await made.release()
    await engine.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def namespace() -> AsyncIterator[str]:
    """A namespace of this session's own, where tasks may run."""
    _kubeconfig()
    name = f"e2e-{secrets.token_hex(4)}"
    try:
        with _no_cluster():
            await make_namespace(name)
            await apply(PROBE | {"metadata": {"name": "probe", "namespace": name}})
            phase = "--for=jsonpath={.status.phase}=Running"
            await kubectl("wait", phase, "--timeout=30s", "-n", name, "workflow.argoproj.io/probe")
        yield name
    finally:
        await delete_namespace(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """agent-server and a service, for the whole session."""
    async with staged(namespace, tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plays(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[dict[str, asyncio.Task[Told]]]:
    """Every scene of this session, begun."""
    begun: dict[str, asyncio.Task[Told]] = {}
    for item in request.session.items:
        marker = item.get_closest_marker("scene")
        if marker is not None:
            act = marker.kwargs.get("act")
            args = {name: value for name, value in marker.kwargs.items() if name != "act"}
            name = item.name.removeprefix("test_")
            play = stage.play(name, Scene(marker.args[0], act, args))
            begun[item.nodeid] = asyncio.create_task(play, name=name)
    try:
        yield begun
    finally:
        for task in begun.values():
            task.cancel()
        await asyncio.gather(*begun.values(), return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="session")
async def told(plays: dict[str, asyncio.Task[Told]], request: pytest.FixtureRequest) -> Told:
    """What agent-server was told of the test's scene, when it has ended."""
    return await plays[request.node.nodeid]
