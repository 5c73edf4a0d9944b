"""Faults made on purpose, run by ``./just faults``. A seed decides what is up to chance; --seed replays it.

What a seed decides: the order and kind of faults, when they are made, whom they hit, what tasks do and how
long the cluster takes. What it cannot: how the machine schedules the processes meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.account import Account
from tests.faults.processes import Forks
from tests.faults.stage import staged

TOTAL = pytest.StashKey[Account]()
SEED = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", help="replays a run: what its first line and each failure name")
    parser.addoption("--short", action="store_true", help="half a minute of random kills instead of five")


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("seed") or config.getoption("--seed")
    config.stash[SEED] = given or secrets.token_hex(4)
    config.stash[TOTAL] = Account()


class Workers:
    """Hands the seed to pytest-xdist's workers, and sums up what they counted."""

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["seed"] = node.config.stash[SEED]

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        told = getattr(node, "workeroutput", {}).get("account")
        if told:
            node.config.stash[TOTAL].add(Account(**told))


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.pluginmanager.hasplugin("dsession"):
        session.config.pluginmanager.register(Workers())


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.stash[SEED]}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        total = session.config.stash[TOTAL]
        names = ("faults", "tasks", "lines", "lost", "repeated")
        session.config.workeroutput["account"] = {name: getattr(total, name) for name in names}


def pytest_unconfigure(config: pytest.Config) -> None:
    if SEED in config.stash and not hasattr(config, "workeroutput") and config.stash[TOTAL].tasks:
        print(config.stash[TOTAL])  # noqa: T201 - it is the last line of the run


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def forks() -> AsyncIterator[Forks]:
    """The process from which the others come."""
    made = Forks()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """This test's own seed."""
    return f"{request.config.stash[SEED]}/{request.node.name}"


@pytest.fixture
def stage(forks: Forks, tmp_path: Path, seed: str) -> Callable[..., Any]:
    """`tests.faults.stage.staged` with all that a test has."""

    def make(**more: Any) -> Any:
        return staged(forks, tmp_path, seed, **more)

    return make


@pytest.fixture
def hold(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Account], None]:
    """Sum an account up, and fail with what is wrong in it."""

    def check(account: Account) -> None:
        request.config.stash[TOTAL].add(account)
        assert not account.wrong, "\n".join(
            [*account.wrong[:20], f"replay: --seed {request.config.stash[SEED]}; logs: {tmp_path}"]
        )
        assert (account.lost, account.repeated) == (0, 0)
        assert account.faults
        assert account.tasks
        assert account.lines

    return check
