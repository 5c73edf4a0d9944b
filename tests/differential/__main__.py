"""N random tasks on the local engine and on a cluster: ``./just differential N --seed S``."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.differential.runner import LOCAL_PATH, Differential, Side, compare, generate, report, shrink
from tests.e2e.kubectl import delete_namespace, make_namespace
from translator.engine.argo.engine import ArgoEngine
from translator.engine.local.engine import LocalEngine
from translator.errors import TranslatorError


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def main(count: int, seed: int, *, at_once: int, shrink_s: float) -> int:
    """The exit code: 0 where no task differs, 1 where one does, 3 where there is no cluster."""
    namespace = f"differential-{secrets.token_hex(4)}"
    made = await asyncio.to_thread(generate, count, seed)
    _say(f"seed {seed}: {len(made)} tasks, {at_once} at once, in the namespace {namespace}")
    with tempfile.TemporaryDirectory() as root:
        local = LocalEngine(root=Path(root), environment={"PATH": LOCAL_PATH, "HOME": root})
        argo = ArgoEngine.from_kubeconfig(kill_grace_s=10)
        try:
            await local.start()
            await argo.start()
        except TranslatorError as error:
            await argo.close()
            await local.close()
            _say(f"error: {error.message}")
            return 3
        pair = Differential(
            Side(local, asyncio.Semaphore(4)), Side(argo, asyncio.Semaphore(at_once), namespace=namespace)
        )
        me = asyncio.current_task()
        assert me is not None, "asyncio.run started it"
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
        try:
            await make_namespace(namespace)
            failed = await compare(pair, made, _say)
            for task in failed:
                small = await shrink(pair, task, count, seed, shrink_s)
                print(report(pair, small, seed), flush=True)
        finally:
            await argo.close()
            await local.close()
            await delete_namespace(namespace)
    print(f"seed {seed}: {len(made)} tasks, {len(failed)} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="./just differential", description=__doc__)
    parser.add_argument("count", metavar="N", type=int, nargs="?", default=50, help="how many tasks")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="replays a run")
    parser.add_argument("--at-once", type=int, default=12, help="tasks on the cluster at once")
    parser.add_argument(
        "--shrink-seconds", type=float, default=300, help="for each task that differs; 0: as it is"
    )
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.count, given.seed, at_once=given.at_once, shrink_s=given.shrink_seconds)))
