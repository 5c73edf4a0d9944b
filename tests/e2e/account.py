"""The cluster as the service's own account may see it, and no administrator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.kubectl import Object, kubectl

NAME = "translator"


def service_account(namespace: str) -> Object:
    """The account of ``deploy/``, in another namespace."""
    file = Path(__file__).parents[2] / "deploy" / "service-account.yaml"
    account: dict[str, Any] = yaml.safe_load(file.read_text())
    return {**account, "metadata": {**account["metadata"], "namespace": namespace}}


async def kubeconfig(namespace: str) -> str:
    """A kubeconfig that has the account's token and nothing else."""
    token = (await kubectl("create", "token", NAME, "-n", namespace, "--duration=1h")).strip()
    config = json.loads(await kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"] = [{"name": NAME, "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"]["user"] = NAME
    return json.dumps(config)
