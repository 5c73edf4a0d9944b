"""A step's log: what its process writes goes to a file of the run at once, and from there to whoever follows.

The file makes a follower's cursor (an offset) good for as long as the run is kept, and keeps memory small
whatever the step writes. A step that is far ahead of its follower waits, as its pipe is not read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from translator.observe.lines import Lines, text
from translator.observe.observation import LogLines

READ = 256 * 1024
"""Bytes that are read at once, and that one observation holds at most (and the rest of a line)."""
LARGEST_PIPE = 1 << 20
"""Bytes that a pipe holds at most (pipe(7), /proc/sys/fs/pipe-max-size)."""
AHEAD = 16 * 1024 * 1024
"""Bytes that a step may be ahead of its follower."""


class StepLog:
    """One step's log.

    Args:
        path: its file, which is made.
        changed: called whenever a follower has something new to read.
    """

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self.path = path
        self.size = 0
        self.ended = False
        self._closing = False
        self._changed = changed
        self._read = 0
        self._room = asyncio.Event()
        path.touch(mode=0o600)

    async def pump(self, pipe: int) -> None:
        """Move all that comes through a pipe into the file, until its last writer is gone; closes it."""
        os.set_blocking(pipe, False)
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            with self.path.open("ab", buffering=0) as file:
                while True:
                    try:
                        data = os.read(pipe, READ)
                    except BlockingIOError:
                        ready.clear()
                        loop.add_reader(pipe, ready.set)
                        await ready.wait()
                        loop.remove_reader(pipe)
                        continue
                    if not data:
                        return
                    file.write(data)
                    self.size += len(data)
                    self._changed()
                    await self._wait_for_room()
        except asyncio.CancelledError:
            # the loop may have been late for longer than the grace: the pipe holds what was written in time
            with suppress(BlockingIOError), self.path.open("ab", buffering=0) as file:
                self.size += file.write(os.read(pipe, LARGEST_PIPE))
            raise
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)

    def close(self) -> None:
        """The process has ended: what its pipe still holds is little, and waits for no follower."""
        self._closing = True
        self._room.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._changed()

    def seen_to(self, offset: int) -> None:
        """A follower has read that far."""
        self._read = max(self._read, offset)
        self._room.set()

    async def _wait_for_room(self) -> None:
        # also lets other tasks run while one step writes without a pause
        await asyncio.sleep(0)
        while self.size - self._read > AHEAD and not self._closing:
            self._room.clear()
            await self._room.wait()


class Reader:
    """One follower's place in a step's log.

    Args:
        cursor: what a `LogLines` of an earlier reader held; empty: from the start.
    """

    def __init__(self, step: str, log: StepLog, cursor: Mapping[str, Any]) -> None:
        self.step = step
        self._log = log
        self._delivered = int(cursor.get("offset", 0))
        self._offset = self._delivered
        self._lines = Lines()
        self.done = False

    def read(self) -> LogLines | None:
        """The next lines, or None where there are none yet; sets `done` with the last."""
        while not self.done:
            data = b""
            if self._offset < self._log.size:
                with self._log.path.open("rb") as file:
                    file.seek(self._offset)
                    data = file.read(READ)
            elif not self._log.ended:
                return None
            if data:
                self._offset += len(data)
                # containerd takes a line's \r\n for its end (run on 1.6, seen with kubectl logs)
                lines = [line.removesuffix(b"\r") for line in self._lines.feed(data)]
                self._delivered = self._offset - self._lines.pending
            else:
                lines = self._lines.end()
                self._delivered = self._offset
                self.done = True
            self._log.seen_to(self._offset)
            if lines:
                return LogLines(self.step, tuple(map(text, lines)), {"offset": self._delivered})
        return None
