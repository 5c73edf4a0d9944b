"""agent-server and the whole service with the Argo engine: plays many tasks at once."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.kubectl import kubectl
from tests.e2e.told import Json, Told, holds
from translator.agent_server.api_mirror import NATIVE_PATH
from translator.agent_server.protocol import BATCH_PATH
from translator.agent_server.stand_in import StandIn
from translator.service.factory import running
from translator.service.http import serving
from translator.settings import load_settings

AT_ONCE = 8
"""Tasks that are played at once: two cores can start the pods of so many without being late for all."""

LONGEST_S = 300.0
"""A task that takes longer has hung."""

START_GRACE_S = 20
KILL_GRACE_S = 5

Act = Callable[["Play"], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    """A task, and what happens to it while it runs.

    Attributes:
        text: its taskYaml.
        act: run beside it.
        args: more of the submission's args.
    """

    text: str
    act: Act | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Play:
    """One task as it is played."""

    stage: Stage
    task_id: str

    async def event(self, **wanted: Any) -> Json:
        """Wait for the first event of this task with these fields."""
        return await self._first(lambda event: holds(event, wanted))

    async def line(self, text: str) -> None:
        """Wait for a log line that holds a text."""
        await self._first(lambda event: any(text in line for line in event.get("lines", ())))

    async def workflow(self) -> str:
        """The Workflow's name, once it is told."""
        told = await self._first(lambda event: bool(event.get("workflow")))
        name: str = told["workflow"]["name"]
        return name

    async def revoke(self) -> Json:
        """Send RevokeTask; returns the translator's answer."""
        return (await self.stage.send(revocation(self.task_id)))[0]

    async def kubectl(self, *args: str) -> str:
        """Run kubectl in the stage's namespace."""
        return await kubectl("-n", self.stage.namespace, *args)

    async def _first(self, wanted: Callable[[Json], bool]) -> Json:
        async for event in self.stage.stand_in.events():
            if event["taskId"] == self.task_id and wanted(event):
                return event
        raise EOFError("the stage was closed")


class Stage:
    """Submits tasks as agent-server's users do, and collects what agent-server is told.

    Args:
        stand_in: agent-server.
        namespace: where tasks run.
    """

    def __init__(self, stand_in: StandIn, namespace: str) -> None:
        self.stand_in = stand_in
        self.namespace = namespace
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def send(self, *items: Json) -> list[Json]:
        """Submit a batch to agent-server; returns what the translator answers to each item."""
        url = self.stand_in.url + BATCH_PATH
        async with aiohttp.ClientSession() as session, session.post(url, json=items) as answer:
            assert answer.status == 200, await answer.text()
        return [await self.stand_in.answer(each["taskId"]) for each in items]

    async def submit(self, name: str, scene: Scene, *, and_revoke: bool = False) -> Play:
        """Submit a task under a taskId of its own.

        Args:
            name: begins the taskId.
            scene: the task.
            and_revoke: in the same batch.
        """
        slug = re.sub("[^a-z0-9]+", "-", name.lower())[:40].strip("-")
        task_id = f"e2e-{slug}-{secrets.token_hex(4)}"
        args = {"timeout": 600, "namespace": self.namespace, **scene.args, "taskYaml": scene.text}
        batch = [item("CloudTask", task_id, args)]
        if and_revoke:
            batch.append(revocation(task_id))
        for answer in await self.send(*batch):
            assert answer["outcome"] == "accepted", answer
        return Play(self, task_id)

    async def play(self, name: str, scene: Scene) -> Told:
        """Submit a task, let happen what happens, and return what was told when it has ended."""
        async with self._slots, asyncio.timeout(LONGEST_S):
            play = await self.submit(name, scene)
            act = asyncio.create_task(scene.act(play)) if scene.act else None
            try:
                told = await self.told(play.task_id)
                if act is not None:
                    await act
            finally:
                if act is not None:
                    act.cancel()
                    await asyncio.gather(act, return_exceptions=True)
            return told

    async def retry(self, task_id: str) -> Json:
        """Ask the translator for a new attempt of a task that has ended."""
        body = {"action": "retry", "taskId": task_id}
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.post(self.stand_in.agent + NATIVE_PATH, json=body) as answer:
                    told: Json = await answer.json()
                    if answer.status != 503:
                        assert answer.status == 200, told
                        return told
                    # the final status was told, and the Workflow is let go of in a moment
                    await asyncio.sleep(float(answer.headers["Retry-After"]))

    async def told(self, task_id: str, attempt: int = 1) -> Told:
        """Wait for a task's final status; all that was told kept the contract."""
        await self.stand_in.final(task_id, attempt)
        ledger = self.stand_in.ledger
        assert [str(each) for each in ledger.violations if each.task_id == task_id] == []
        told = Told(task_id, ledger.events(task_id, attempt))
        assert [event["seq"] for event in told.events] == list(range(1, len(told.events) + 1))
        return told


def item(task_type: str, task_id: str, args: Json) -> Json:
    return {"taskId": task_id, "taskType": task_type, "agentId": "e2e", "args": args}


def revocation(task_id: str) -> Json:
    return item("RevokeTask", f"revoke-{task_id}", {"taskId": task_id})


@asynccontextmanager
async def staged(
    namespace: str, data: Path, *, template: Path | None = None, **settings: Any
) -> AsyncIterator[Stage]:
    """A stage with a service in this process.

    Args:
        namespace: where tasks run.
        data: the service's folder.
        template: what every Workflow starts from; None: the project's own.
        settings: more of the service's settings.
    """
    workflow = {"start_grace_seconds": START_GRACE_S, "storage_class": namespace, "template": template}
    async with StandIn() as stand_in:
        loaded = load_settings(
            engine="argo",
            server_address=stand_in.url,
            data_dir=data,
            workflow=workflow,
            argo={"kill_grace_seconds": KILL_GRACE_S},
            **settings,
        )
        async with running(loaded) as run, serving(run.app, "127.0.0.1", 0) as url:
            stand_in.agent = url
            yield Stage(stand_in, namespace)
