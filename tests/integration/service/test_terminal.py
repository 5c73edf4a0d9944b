"""``serve``, ``demo`` and ``run`` in a real terminal: Ctrl-C, signals, and the terminal that is closed."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.service.rounds import cloud_task, eventually, task_yaml
from translator.agent_server.faults import Fault
from translator.agent_server.protocol import BATCH_PATH
from translator.cli.terminal import RELAYED_S

GRACE_S = 20
"""What docs/settings.md says of terminationGraceSeconds."""

BAD = ("Traceback", "undelivered", "not let go", "cut off", "Error")


class Session:
    """A program in a terminal of its own."""

    def __init__(self, args, environment):
        self.text = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(environment["TMPDIR"])  # `processes` finds it by that
            os.execvpe(args[0], args, {**os.environ, **environment})
        os.set_blocking(self._terminal, False)
        asyncio.get_running_loop().add_reader(self._terminal, self._read)

    def _read(self):
        try:
            self.text += os.read(self._terminal, 65536).decode(errors="replace")
        except OSError:
            asyncio.get_running_loop().remove_reader(self._terminal)

    async def shows(self, pattern, seconds=40):
        async with asyncio.timeout(seconds):
            while not (found := re.search(pattern, self.text)):  # noqa: ASYNC110 - a reader sets it
                await asyncio.sleep(0.02)
        return found

    def type(self, text):
        os.write(self._terminal, text)

    def close(self):
        """Close the terminal, as its window would be."""
        if self._terminal is not None:
            asyncio.get_running_loop().remove_reader(self._terminal)
            os.close(self._terminal)
            self._terminal = None

    async def ended(self, seconds):
        """Its exit code, or the signal that it died of, negative."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            await asyncio.sleep(0.02)
        raise TimeoutError(f"still running: {self.text[-2000:]}")


@pytest.fixture
async def terminal(tmp_path):
    """Starts ``translator ARGS`` in a terminal; what still runs at the end is killed."""
    sessions = []

    @asynccontextmanager
    async def start(*args, before=(), **variables):
        environment = {"TRANSLATOR_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path), **variables}
        session = Session([*before, sys.executable, "-m", "translator", *args], environment)
        sessions.append(session)
        try:
            yield session
        finally:
            session.close()

    yield start
    for session in sessions:
        if session.pid:
            os.kill(session.pid, signal.SIGKILL)
            os.waitpid(session.pid, 0)  # noqa: ASYNC222 - it is dead


HOSTILE = r"printf 'a\033[2J\033]0;title\007b\033[31mred\033[0m\n'"


async def test_what_a_task_prints_does_not_rule_the_terminal(terminal, round_):
    await round_.post(cloud_task("t1", HOSTILE))
    await round_.outcome("t1")
    assert round_.lines("t1") == ["a\x1b[2J\x1b]0;title\x07b\x1b[31mred\x1b[0m"]
    for form in ("text", "json"):
        async with terminal("logs", "t1", "--server", round_.url, "--format", form) as session:
            assert await session.ended(20) == 0
            await asyncio.sleep(0.05)
            assert "red" in session.text
            assert "title" not in session.text or form == "json"
            assert not re.search("\x1b(?!\\[[0-9;]*m)|\x07", session.text), session.text


def processes(tmp_path):
    """Those that have the test's folder in their command line or environment, or work in it.

    A service shows its environment to nobody.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = [(entry / name).read_bytes() for name in ("cmdline", "environ")]
            told.append(os.fsencode((entry / "cwd").readlink()))
        except OSError:
            continue
        if any(str(tmp_path).encode() in each for each in told):
            found[int(entry.name)] = told[0].replace(b"\0", b" ").decode(errors="replace")
    return found


async def all_gone(tmp_path):
    async def none():
        return not processes(tmp_path)

    await eventually(none, GRACE_S)


def ctrl_c(session):
    session.type(b"\x03")


def closed(session):
    session.close()


def terminated(session):
    os.kill(session.pid, signal.SIGTERM)


SERVE = ("serve", "--listen", "127.0.0.1:0", "--agent-server")
LISTENING = r"listening on (\S+)"


async def with_undelivered_events(session, stand_in, http):
    """A task has ended, and agent-server, which is slow, does not hold its events."""
    url = (await session.shows(LISTENING))[1]
    stand_in.faults.add(Fault(count=50, delay=0.4))
    async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "seq 1 50", "seq 51 99")]) as answer:
        assert (await answer.json())[0]["outcome"] == "accepted"

    async def has_ended():
        async with http.get(f"{url}/api/v1/tasks/t1") as answer:
            return (await answer.json())["phase"] == "Succeeded"

    await eventually(has_ended)


def whole(stand_in):
    assert stand_in.ledger.final("t1", 1)["phase"] == "Succeeded"
    told = [line for each in stand_in.ledger.kept if each["kind"] == "log" for line in each["lines"]]
    assert told == [str(number) for number in range(1, 100)]
    assert stand_in.ledger.violations == []


@pytest.mark.parametrize("end", [ctrl_c, terminated, closed])
async def test_serve_sends_what_is_left_before_it_stops(terminal, stand_in, http, tmp_path, end):
    async with terminal(*SERVE, stand_in.url) as session:
        await with_undelivered_events(session, stand_in, http)
        end(session)
        assert await session.ended(GRACE_S) == 0
    whole(stand_in)
    assert [bad for bad in BAD if bad in session.text] == []
    await all_gone(tmp_path)


async def test_serve_in_a_shell_stops_in_order_when_the_terminal_is_closed(
    terminal, stand_in, http, tmp_path
):
    """The shell dies at once; the kernel tells the processes in the foreground."""
    before = ("/bin/sh", "-c", '"$@"; true', "sh")
    async with terminal(*SERVE, stand_in.url, before=before) as session:
        await with_undelivered_events(session, stand_in, http)
        session.close()
        await session.ended(GRACE_S)
        await all_gone(tmp_path)
    whole(stand_in)


async def test_leases_are_let_go_by_ctrl_c(terminal, stand_in, redis, valkey):
    address = {"TRANSLATOR_REDIS__ADDR": f"unix://{valkey.socket}", "TRANSLATOR_REPLICA_NAME": "a"}
    async with terminal(*SERVE, stand_in.url, **address) as session:
        await session.shows(LISTENING)
        ctrl_c(session)
        assert await session.ended(GRACE_S) == 0
    assert "not let go" not in session.text


async def test_sighup_reads_the_settings_again_while_the_terminal_is_there(terminal, stand_in, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(f"SERVER-ADDRESS: {stand_in.url}\nlisten: 127.0.0.1:0\n")
    async with terminal("serve", "--config", str(file)) as session:
        await session.shows(LISTENING)
        file.write_text(file.read_text() + "LOG-LEVEL: debug\n")
        os.kill(session.pid, signal.SIGHUP)
        await session.shows("settings reloaded")
        session.close()
        assert await session.ended(GRACE_S) == 0


async def test_what_nohup_started_outlives_the_terminal(terminal, stand_in, tmp_path):
    log = tmp_path / "log"
    nohup = ("/bin/sh", "-c", f'exec nohup "$@" >{log} 2>&1', "sh")
    async with terminal(*SERVE, stand_in.url, before=nohup) as session:
        await written(log, "listening on")
        session.close()
        with pytest.raises(TimeoutError):
            await session.ended(3)
        os.kill(session.pid, signal.SIGTERM)
        assert await session.ended(GRACE_S) == 0
    assert "Traceback" not in log.read_text()


async def test_a_disowned_service_goes_on_and_can_be_told_to_read_its_settings(terminal, stand_in, tmp_path):
    """Its terminal has gone without a signal to it; the one that comes later is somebody else's."""
    log = tmp_path / "log"
    shell = ("/bin/bash", "-c", f'set -m; "$@" 2>{log} & disown; read', "bash")
    async with terminal(*SERVE, stand_in.url, before=shell) as session:
        await written(log, "listening on")
        [pid] = [pid for pid, line in processes(tmp_path).items() if " serve " in line and "bash" not in line]
        session.close()
        await session.ended(5)
        await asyncio.sleep(RELAYED_S + 1)
        os.kill(pid, signal.SIGHUP)
        await written(log, "settings reloaded")
        os.kill(pid, signal.SIGTERM)
        await all_gone(tmp_path)
    assert "Traceback" not in log.read_text()


async def written(log, words):
    async def there():
        return log.exists() and words in log.read_text()

    await eventually(there, 40)


@pytest.mark.parametrize("end", [ctrl_c, terminated, closed])
async def test_demo_leaves_nothing(terminal, tmp_path, end):
    async with terminal("demo") as session:
        await session.shows("step1 ")
        end(session)
        assert await session.ended(GRACE_S) == 1
    assert "Traceback" not in session.text
    await all_gone(tmp_path)
    assert list(tmp_path.glob("translator-*")) == []


@pytest.mark.parametrize("end", [ctrl_c, terminated, closed])
async def test_run_ends_the_task_and_its_processes(terminal, tmp_path, end):
    """The step gets SIGTERM, and has its time to tidy up."""
    done = tmp_path / "tidied"
    file = tmp_path / "task.yaml"
    file.write_text(task_yaml(f"trap 'touch {done}; exit 0' TERM; echo up; while :; do sleep 0.1; done"))
    async with terminal("run", str(file)) as session:
        await session.shows("up")
        end(session)
        assert await session.ended(GRACE_S) == 1
    assert done.exists()
    assert "Traceback" not in session.text
    await all_gone(tmp_path)
