"""The command itself, in every POSIX shell that this machine has."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translator.workflow.codo import CODO, FOREIGN, OVER
from translator.workflow.context import MAX_CONTEXT_BYTES
from translator.workflow.literals import MAX_INLINE_BYTES, changed_by_argo, script_must_be_file

SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(shutil.which(shell[0]) is None, reason=f"no {shell[0]}"))
    for shell in (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"])
]


class Step:
    """One step as ``codo`` sees it."""

    def __init__(self, folder, shell, context="", limit=MAX_CONTEXT_BYTES):
        folder.mkdir(exist_ok=True)
        self.program = folder / "codo"
        self.program.write_text(CODO)
        self.file = folder / "values"
        self.shell = shell
        self.env = {
            "PATH": "/usr/bin:/bin",
            "CODO_CONTEXT_FILE": str(self.file),
            "CODO_CONTEXT_LIMIT": str(limit),
            "CODO_CONTEXT": context,
            "LANG": "C.UTF-8",
        }

    def run(self, *words, **env):
        return subprocess.run(
            [*self.shell, self.program, *words],
            env={**self.env, **env},
            capture_output=True,
            timeout=60,
            check=False,
        )

    def codo(self, *words):
        done = self.run(*words)
        assert done.stderr == b""
        assert done.returncode == 0
        return done.stdout

    def leaves(self):
        """What the next step gets: the file, whose last line end Argo cuts, or the input."""
        return self.file.read_text().removesuffix("\n") if self.file.exists() else self.env["CODO_CONTEXT"]


@pytest.fixture(params=SHELLS)
def step(request, tmp_path):
    return Step(tmp_path / "step", request.param)


def test_the_text_travels_unchanged():
    assert not script_must_be_file(CODO)
    assert not changed_by_argo(CODO)
    assert len(CODO) < MAX_INLINE_BYTES


@pytest.mark.parametrize(
    "value",
    [
        b"1",
        b"",
        b" ",
        b"a=b=c",
        b"\n",
        b"two\nlines\n\n",
        b"\r\n\t",
        b"{{workflow.name}} $$ $(ARGO_POD_NAME) {{=1+1}}",
        b"\"q\" 'q' `x` \\n \\0101 %s * ? ; = &",
        "中文😀".encode(),
        bytes(range(1, 256)),
        b"-n",
    ],
)
def test_a_value_comes_back_as_it_was(step, value):
    step.codo("set-context", b"k=" + value)
    assert step.codo("get-context", "k") == value + b"\n"
    assert set(step.leaves()) <= set(";=01234567")


def test_values_reach_the_step_after_next_and_the_newest_wins(step, tmp_path):
    step.codo("set-context", "a=1", "b=2", "a=3")
    between = Step(tmp_path / "between", step.shell, step.leaves())
    assert between.codo("get-context", "a") == b"3\n"
    last = Step(tmp_path / "last", step.shell, between.leaves())
    last.codo("set-context", "b=4", "ab=5")
    assert [last.codo("get-context", key) for key in ("a", "b", "ab")] == [b"3\n", b"4\n", b"5\n"]
    assert last.leaves().count(";") == 3


def test_keys_are_text_and_no_patterns(step):
    step.codo("set-context", "*=star", "a*=b", "{{x}} 中=c", "aa=d")
    got = [step.codo("get-context", key) for key in ("*", "a*", "{{x}} 中", "aa")]
    assert got == [b"star\n", b"b\n", b"c\n", b"d\n"]


def test_an_unknown_key_is_said_and_is_no_value(step):
    step.codo("set-context", "a=1")
    done = step.run("get-context", "b")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b'codo: no value for "b" in this task\'s context\n'


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("set-context",),
        ("get-context",),
        ("get-context", ""),
        ("get-context", "a", "b"),
        ("set", "a=1"),
        ("set-context", "a"),
        ("set-context", "=1"),
        ("set-context", "good=1", "bad"),
    ],
)
def test_wrong_usage_is_told_and_changes_nothing(step, words):
    done = step.run(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr
    assert not step.file.exists()


def test_the_limit_is_on_what_travels_and_keeps_what_was_there(step):
    step.env["CODO_CONTEXT_LIMIT"] = "35"
    step.codo("set-context", "k=" + "x" * 10)
    assert len(step.leaves()) == 35
    done = step.run("set-context", "k=" + "x" * 11)
    assert done.returncode == 1
    assert done.stderr == b"codo: the context would be 38 bytes (three for each byte), over 35\n"
    assert step.codo("get-context", "k") == b"x" * 10 + b"\n"


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (b"x" * 40_000, b"it is over 32768 bytes"),
        (b";" * 32_769, b"it is over 32768 bytes"),
        (b";141=142" * 4096 + b"\n;", b"it is over 32768 bytes"),
        (b"{{=1+1}}", b"it was not written by codo"),
        (b";141=142\0", b"it was not written by codo"),
        (b";141=142\n;141=143", b"it was not written by codo"),
        (b"\xff\xfe", b"it was not written by codo"),
    ],
)
def test_what_is_no_context_is_not_taken_and_told(step, tmp_path, left, why):
    told = b"codo: the context that an earlier step left is not handed over: " + why + b"\n"
    step.file.write_bytes(left)
    done = step.run("get-context", "a")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == told + b'codo: no value for "a" in this task\'s context\n'
    # what stands in its place between pods says the same
    word = OVER if b"over" in why else FOREIGN
    after = Step(tmp_path / "after", step.shell, word)
    assert after.run("get-context", "a").stderr == done.stderr
    for one in (step, after):
        assert one.run("set-context", "a=1").stderr == told
        assert one.codo("get-context", "a") == b"1\n"


def test_the_largest_context_works(step):
    value = "中" * ((MAX_CONTEXT_BYTES - 5) // 9)
    step.codo("set-context", f"k={value}")
    assert step.codo("get-context", "k").decode() == value + "\n"


def test_calls_at_the_same_time_lose_nothing(step):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: step.run("set-context", f"k{n}={n}"), range(4)))
    assert [one.returncode for one in done] == [0] * 4
    assert [step.codo("get-context", f"k{n}") for n in range(4)] == [f"{n}\n".encode() for n in range(4)]
    assert sorted(path.name for path in step.file.parent.iterdir()) == ["codo", "values"]


def test_another_user_may_write_after_the_first(step):
    step.codo("set-context", "a=1")
    assert step.file.stat().st_mode & 0o777 == 0o666


def test_outside_a_step_it_says_so(step):
    done = step.run("get-context", "a", CODO_CONTEXT_FILE="")
    assert done.returncode == 1
    assert done.stderr == b"codo: this is no step of a task: CODO_CONTEXT_FILE is not set\n"


def test_an_image_without_its_programs_is_named(step, tmp_path):
    if step.shell[0] == "busybox":
        pytest.skip("busybox' shell finds its own od without PATH")
    shell = shutil.which(step.shell[0])
    step.shell = [shell, *step.shell[1:]]
    done = step.run("get-context", "a", PATH=str(tmp_path / "empty"))
    assert done.returncode == 1
    assert b"codo: this image lacks the program od\n" in done.stderr


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=8).map(lambda b: b.replace(b"\0", b"0").replace(b"=", b"e")),
        st.binary(max_size=30).map(lambda b: b.replace(b"\0", b"0")),
        min_size=1,
        max_size=3,
    )
)
@pytest.mark.skipif(shutil.which("dash") is None, reason="no dash here")
def test_any_keys_and_values_survive(tmp_path, pairs):
    shutil.rmtree(tmp_path / "any", ignore_errors=True)
    step = Step(tmp_path / "any", ["dash"])
    step.codo("set-context", *(key + b"=" + value for key, value in pairs.items()))
    assert {key: step.codo("get-context", key) for key in pairs} == {k: v + b"\n" for k, v in pairs.items()}
