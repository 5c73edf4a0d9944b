"""agent-server's part in a process of its own: writes down every event with the time at which it arrived.

Run by `service.py`; the argument is the file to write, one ``[arrived, event]`` a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from translator.agent_server.stand_in import StandIn


async def _main(path: Path) -> None:
    async with StandIn() as served:
        print(f"listening on {served.url}", file=sys.stderr, flush=True)
        with path.open("w", buffering=1) as file:
            async for event in served.events():
                file.write(json.dumps([time.time(), event]) + "\n")
                for violation in served.ledger.violations:
                    sys.exit(f"contract broken: {violation}")


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
