"""Submissions, and what a test holds of one round from submission to delivery."""

from __future__ import annotations

import asyncio
import json

from translator.agent_server.protocol import BATCH_PATH


def task_yaml(*steps, **more):
    """A taskYaml (JSON is YAML) whose steps are scripts, or mappings."""
    listed = [
        {"name": f"s{number}", "image": "alpine:3", **({"script": step} if isinstance(step, str) else step)}
        for number, step in enumerate(steps, 1)
    ]
    return json.dumps({"taskSpec": {"displayName": "test", "steps": listed}, **more})


def cloud_task(task_id, *steps, timeout=60, **args):
    content = {"timeout": timeout, "taskYaml": task_yaml(*steps), **args}
    return {"taskId": task_id, "taskType": "CloudTask", "agentId": "agent1", "args": content}


def revoke(task_id):
    return {
        "taskId": f"revoke-{task_id}",
        "taskType": "RevokeTask",
        "agentId": "agent1",
        "args": {"taskId": task_id},
    }


async def eventually(true, seconds=20):
    """Wait for what gives no sign of its own: what lies in Redis."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


class Round:
    """What a test holds of one round."""

    def __init__(self, service, url, store, stand_in, http):
        self.service = service
        self.url = url
        self.store = store
        self.stand_in = stand_in
        self._http = http

    async def post(self, *items):
        """POST a batch to the translator's own API; returns the answers."""
        async with self._http.post(self.url + BATCH_PATH, json=list(items)) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def closed(self, *task_ids):
        """Wait until the store has nothing left to do for the tasks."""

        async def all_closed():
            return not {task.task_id for task in await self.store.open_tasks()} & set(task_ids)

        await eventually(all_closed)

    async def outcome(self, task_id):
        """The final status, after everything of the task is done."""
        async with asyncio.timeout(20):
            final = await self.stand_in.final(task_id)
            await self.closed(task_id)
        violations = [str(each) for each in self.stand_in.ledger.violations]
        assert not violations, violations
        return final

    def lines(self, task_id):
        return [
            line
            for event in self.stand_in.ledger.kept
            if event["taskId"] == task_id and event["kind"] == "log"
            for line in event["lines"]
        ]
