"""Random tasks that both engines can run, made and shrunk by hypothesis.

To extend it:

- something that a step does: a strategy of `Statement` in `statements`, with its sh and its Python;
- a field of a step or of the task: drawn in `_step` or `tasks`, the simplest value first (hypothesis shrinks
  towards it), and only where both engines can run it;
- a field that a layout cannot have: drawn behind ``layout == "dag"``.

What is left out, since the machine's own programs show there and not the engine:

- ``echo`` with backslashes, and messages of the shell itself: dash here, busybox there;
- tracebacks of Python: they hold the script's path and differ between versions;
- paths in output: without bubblewrap the local engine moves what is mounted;
- programs that are not there by a plain name: the local engine refuses them before anything runs. Those that
  a variable, the working directory or a volume would hold are here, but not in one pod: there Argo 4.1.2 runs
  the steps after one (but the first) whose program is missing, and the local engine does not;
- the umask: Argo's executor begins a step with 0, the local engine with 022, since what a step writes outside
  of its folders stays on this machine;
- a link in place of the context's file: it leads elsewhere in Argo's own container.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml
from hypothesis import strategies as st

ALPINE = "library/alpine:latest"
PYTHON = "public/rocky9.1-python3:latest"

VARIABLES = ("V1", "V2", "v3", "codo_p", "codo_q", "codo_password")
"""What a step may print. The others may hold paths."""

KEYS = ("a", "b", "k.x", "ключ")
"""Of the context."""

LEFT = (
    *(
        b"",
        b";",
        b"!over",
        b"!foreign",
        b"x",
        b";141=142",
        b";141=142\n",
        b"\xff\xfe\x00\xc3",
        b"\n",
        b"=;;=9",
    ),
    *(
        b"{{=1+1}}|{{workflow.name}}",
        b'{{=sprig.repeat(100000000,"a")}}',
        b"{{={{=1+1}}}}",
        b'"}]},{"x":"{{=1+1}}\\',
    ),
)
"""What a step may leave in place of a context."""

LEFT_BYTES = (2622, 32_768, 32_769, 120_000, 1_000_000, 1_400_000, 3_000_000)
"""How much of one byte it may leave. (What does not compress makes the Workflow too large.)"""

FRAGMENTS = (
    *(
        "a",
        "B7",
        " ",
        "  ",
        "{{workflow.name}}",
        "{{=1+1}}",
        "{{",
        "}}",
        "{{inputs.parameters.x}}",
        "{{{",
        "$",
    ),
    *(
        "$$",
        "$$$",
        "$(V1)",
        "$(V2)",
        "$$(V1)",
        "$(nobody)",
        "$(",
        ")",
        "\\",
        "\\n",
        "'",
        '"',
        "é",
        "中文",
        "🙂",
    ),
    *("%s", "%", "\t", "`id`", "#", ": ", "|", "&", "*", "~", "-", "!", "argo=true", "Error: exit status 3"),
)
"""Text that something on its way could change."""

BYTES = (
    *(b"x", b"\n", b"\n\n", b"\r", b"\r\n", b"\x00", b"\xff\xfe", b"\xc3", b"\x1b[31m", b"\x7f", b"\t", b" "),
    *("é🙂".encode(), b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\x0b", b"\x85", b"2026-01-01T00:00:00Z stdout F x"),
)
"""Output that something on its way could change."""

HANG_S = 90
"""Seconds that a process sleeps which is to be ended before."""


@dataclass(frozen=True)
class Statement:
    """One thing that a step does.

    Attributes:
        sh: in POSIX sh; ``KILL_SELF`` stands for the shell's own pid.
        python: the same.
        stderr: whether it writes there: what it writes may then come before or after what stdout got.
        output: bytes for stdout, instead of both.
    """

    sh: str = ""
    python: str = ""
    stderr: bool = False
    output: bytes | None = None


@dataclass(frozen=True)
class RandomTask:
    """One task.

    Attributes:
        data: the taskYaml.
        params: ``scriptParams``.
        timeout: ``args.timeout`` in seconds; None: not given.
        layout: the option.
        mixed: steps that write to stdout and stderr.
    """

    data: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout: int | None = None
    layout: str = "dag"
    mixed: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The taskYaml, as it is run and as a person can run it again."""
        return yaml.safe_dump(dict(self.data), sort_keys=False, allow_unicode=True, width=100)

    @property
    def key(self) -> str:
        """Tells tasks apart."""
        return f"{self.text}\0{json.dumps(self.params)}\0{self.timeout}\0{self.layout}"

    @property
    def command(self) -> str:
        """How a person runs it, the taskYaml in ``task.yaml``."""
        words = ["translator", "run", "task.yaml", "--layout", self.layout]
        words += ["--params", json.dumps(self.params, ensure_ascii=False)] if self.params else []
        words += ["--timeout", str(self.timeout)] if self.timeout else []
        return shlex.join(words)


@cache
def texts(most: int = 4) -> st.SearchStrategy[str]:
    """One line of text."""
    printable = st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["C", "Z"])
    return st.lists(st.one_of(st.sampled_from(FRAGMENTS), printable), max_size=most).map("".join)


@cache
def values() -> st.SearchStrategy[str]:
    """Text that may have line breaks, for variables, parameters and the context."""
    return st.one_of(texts(), st.lists(texts(2), min_size=2, max_size=3).map("\n".join))


# What a step does.


@cache
def statements(*, codo: bool, shared: bool) -> st.SearchStrategy[Statement]:
    """What a step may do and go on.

    Args:
        codo: with the context.
        shared: with files in ``$SHARED``.
    """
    kinds = [
        texts().map(_say),
        st.lists(st.sampled_from(BYTES), min_size=1, max_size=5).map(lambda parts: _raw(b"".join(parts))),
        texts().map(_complain),
        st.sampled_from(VARIABLES).map(_variable),
        st.sampled_from([2, 30, 1000, 6000]).map(_many),
        st.sampled_from([100, 4096, 16383, 16384, 16385, 40_000, 300_000]).map(_long),
        st.sampled_from([_PAUSE, _STDIN, _BACKGROUND, _SILENT_BACKGROUND, _SUBSHELL, _DOLLARS]),
        st.just(_MISSING),
    ]
    if codo:
        keys = st.sampled_from(KEYS)
        kinds += [st.builds(_set_context, keys, values()), keys.map(_get_context), keys.map(_get_context)]
        kinds += [keys.map(_ask_context), st.one_of(st.sampled_from(LEFT).map(_leave), _left_bytes())]
    if shared:
        kinds += [texts().map(_append), st.just(_READ)]
    return st.one_of(kinds)


def _say(text: str) -> Statement:
    return Statement(f"printf '%s\\n' {shlex.quote(text)}", f"put({text!r}.encode() + b'\\n')")


def _raw(data: bytes) -> Statement:
    return Statement(output=data)


def _complain(text: str) -> Statement:
    return Statement(
        f"printf '%s\\n' {shlex.quote(text)} >&2", f"put({text!r}.encode() + b'\\n', 2)", stderr=True
    )


def _variable(name: str) -> Statement:
    return Statement(
        f"printf '%s=[%s]\\n' {name} \"${{{name}-unset}}\"",
        f"put(b'{name}=[' + os.environb.get(b'{name}', b'unset') + b']\\n')",
    )


def _many(count: int) -> Statement:
    return Statement(
        f'i=0; while [ "$i" -lt {count} ]; do printf \'line %s\\n\' "$i"; i=$((i + 1)); done',
        f"for i in range({count}): put(b'line %d\\n' % i)",
    )


def _long(length: int) -> Statement:
    return Statement(
        f"head -c {length} /dev/zero | tr '\\000' x; printf '\\n'", f"put(b'x' * {length} + b'\\n')"
    )


def _set_context(key: str, value: str) -> Statement:
    return Statement(
        f"codo set-context {shlex.quote(f'{key}={value}')} || exit 9",
        f"if call(['codo', 'set-context', {f'{key}={value}'!r}]): sys.exit(9)",
    )


def _get_context(key: str) -> Statement:
    return Statement(
        f"codo get-context {shlex.quote(key)} 2>/dev/null || printf 'none\\n'",
        f"if call(['codo', 'get-context', {key!r}], stderr=DEVNULL): put(b'none\\n')",
    )


def _ask_context(key: str) -> Statement:
    """As a person would, who reads why there is none."""
    return Statement(
        f"codo get-context {shlex.quote(key)} || printf 'none\\n'",
        f"if call(['codo', 'get-context', {key!r}]): put(b'none\\n')",
        stderr=True,
    )


_ASK = ": codo; "
"""The steps get ``codo``, and the file's name, where one of them mentions it."""


def _leave(data: bytes) -> Statement:
    octal = "".join(f"{chr(92)}0{byte:03o}" for byte in data)
    return Statement(
        f"{_ASK}printf %b '{octal}' >\"$CODO_CONTEXT_FILE\"",
        f"open(os.environ['CODO_CONTEXT_FILE'], 'wb').write({data!r})  # codo",
    )


@cache
def _left_bytes() -> st.SearchStrategy[Statement]:
    def leave(size: int, byte: str) -> Statement:
        return Statement(
            f"{_ASK}head -c {size} /dev/zero | tr '\\000' '{byte}' >\"$CODO_CONTEXT_FILE\"",
            f"open(os.environ['CODO_CONTEXT_FILE'], 'w').write({byte!r} * {size})  # codo",
        )

    return st.builds(leave, st.sampled_from(LEFT_BYTES), st.sampled_from("1x"))


def _append(text: str) -> Statement:
    return Statement(
        f"printf '%s\\n' {shlex.quote(text)} >>\"$SHARED/file\"",
        f"open(os.environ['SHARED'] + '/file', 'ab').write({text!r}.encode() + b'\\n')",
    )


_READ = Statement(
    "cat \"$SHARED/file\" 2>/dev/null || printf 'no file\\n'",
    "name = os.environ['SHARED'] + '/file'\n"
    "put(open(name, 'rb').read() if os.path.exists(name) else b'no file\\n')",
)
_MISSING = Statement(
    "no-such-program 2>/dev/null || printf 'code %s\\n' \"$?\"",
    "try: call(['no-such-program'])\nexcept FileNotFoundError: put(b'code 127\\n')",
)
_PAUSE = Statement("sleep 0.3", "time.sleep(0.3)")
_STDIN = Statement("wc -c </dev/stdin | tr -d ' '", "put(b'%d\\n' % len(sys.stdin.buffer.read()))")
_BACKGROUND = Statement(
    f"(sleep {HANG_S}; printf 'never\\n') &", f"Popen(['sh', '-c', 'sleep {HANG_S}; echo never'])"
)
_SILENT_BACKGROUND = Statement(
    f"sleep {HANG_S} >/dev/null 2>&1 </dev/null &",
    f"Popen(['sleep', '{HANG_S}'], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)",
)
_SUBSHELL = Statement(
    "(exit 3) || printf 'got %s\\n' \"$?\"", "put(b'got %d\\n' % call(['sh', '-c', 'exit 3']))"
)
_DOLLARS = Statement("printf '<%s>\\n' \"$$\" | tr -d 0-9", "put(b'<>\\n')")


@cache
def ends() -> st.SearchStrategy[Statement]:
    """How a step may end."""
    codes = st.sampled_from([0, 1, 2, 3, 9, 64, 125, 126, 127, 128, 129, 137, 143, 254, 255])
    return st.one_of(
        st.just(Statement()),
        st.just(Statement()),
        codes.map(lambda code: Statement(f"exit {code}", f"sys.exit({code})")),
        # not 2: what Python prints of a KeyboardInterrupt names its own files
        st.sampled_from([15, 9, 1, 6, 11, 13, 14]).map(
            lambda number: Statement(f"kill -{number} KILL_SELF", f"os.kill(os.getpid(), {number})")
        ),
        st.just(Statement("false\nprintf 'after\\n'", "sys.exit(1)")),
    )


HANG = Statement(f"printf 'hangs\\n'\nsleep {HANG_S}", f"put(b'hangs\\n')\ntime.sleep({HANG_S})")

PRELUDE = """import os, sys, time
from subprocess import DEVNULL, Popen, call

def put(data, to=1):
    while data:
        data = data[os.write(to, data):]

"""


def _sh(done: list[Statement], *, whole_lines: bool) -> str:
    lines = []
    for at, each in enumerate(done):
        if each.output is None:
            lines.append(each.sh)
        else:
            data = _ended(each.output, whole_lines or at < len(done) - 2)
            lines.append(f"printf %b '{''.join(f'{chr(92)}0{byte:03o}' for byte in data)}'")
    return "\n".join(line for line in lines if line) + "\n"


def _python(done: list[Statement], *, whole_lines: bool) -> str:
    lines = []
    for at, each in enumerate(done):
        if each.output is None:
            lines.append(each.python)
        else:
            lines.append(f"put({_ended(each.output, whole_lines or at < len(done) - 2)!r})")
    return PRELUDE + "\n".join(line for line in lines if line) + "\n"


def _ended(data: bytes, needed: bool) -> bytes:
    """With the line end that it needs where something follows; only the last bytes of a step may lack one."""
    return data if data.endswith(b"\n") or not needed else data + b"\n"


# A step, and a task.

SHEBANGS = ("", "#!/bin/sh\n", "#!/bin/sh -e\n", "#! /bin/sh  -eu \n")
PYTHONS = ("#!/usr/bin/env python3\n", "#!/bin/python3\n", "#!/bin/python3.9\n", "#!/bin/python3 -u\n")
NAMES = (
    *("a", "b", "build", "notify", "main", "x-1", "0", "task", "deploy-to-all-of-the-machines", "z9", "s1"),
    *("checkout code", "拉取代码", "Step_1", "step 1", "wait", "{{workflow.name}}"),
)


@cache
def env() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Variables of one layer; a name may be there twice."""
    nobody = {"name": "nobody-made-this", "key": "k", "optional": True}
    absent = [{"configMapKeyRef": nobody}, {"secretKeyRef": nobody}]
    variable = st.one_of(
        st.builds(
            lambda name, value: {"name": name, "value": value}, st.sampled_from(VARIABLES[:3]), values()
        ),
        st.builds(
            lambda name, source: {"name": name, "valueFrom": source},
            st.sampled_from(VARIABLES[:3]),
            st.sampled_from(absent),
        ),
        st.sampled_from(VARIABLES[:3]).map(lambda name: {"name": name}),
    )
    return st.lists(variable, max_size=3)


@cache
def resources() -> st.SearchStrategy[dict[str, Any]]:
    """What the step may use: enough, since the local engine gives no limits."""
    amounts = st.fixed_dictionaries(
        {}, optional={"cpu": st.sampled_from(["1", "500m", 1]), "memory": st.sampled_from(["200Mi", "1G"])}
    )
    asked = st.fixed_dictionaries(
        {}, optional={"cpu": st.just("10m"), "memory": st.sampled_from(["16Mi", 20_000_000])}
    )
    return st.fixed_dictionaries({}, optional={"limits": amounts, "requests": asked})


SECURITY = (
    {"allowPrivilegeEscalation": False},
    {"capabilities": {"drop": ["ALL"]}},
    {"readOnlyRootFilesystem": True},
    {"runAsNonRoot": False, "seccompProfile": {"type": "RuntimeDefault"}},
)
"""What changes nothing for our steps."""

_TERM = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
POD = {
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [_TERM]}}
            ]
        }
    },
    "automountServiceAccountToken": False,
    "dnsConfig": {"searches": ["a.example"], "options": [{"name": "ndots", "value": "2"}]},
    "dnsPolicy": "Default",
    "enableServiceLinks": False,
    "hostAliases": [{"ip": "10.9.8.7", "hostnames": ["a.example"]}],
    "hostNetwork": False,
    "imagePullSecrets": [{"name": "nobody-made-this"}],
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "schedulerName": "default-scheduler",
    "securityContext": {"fsGroup": 2000, "runAsNonRoot": False},
    "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"a": "b"}},
        }
    ],
}
"""Fields of podTemplate that change nothing for our steps."""

NOT_COVERED = {
    "priorityClassName": "a class that a cluster need not have",
    "runtimeClassName": "a class that a cluster need not have",
    "serviceAccountName": "an account that the policy has to allow, and that means nothing here",
}
"""Fields of the task schema that no random task has → why."""


@dataclass(frozen=True)
class _Around:
    """What a step must know of its task."""

    layout: str
    codo: bool
    volume: bool


@st.composite
def _step(draw: Callable[..., Any], around: _Around) -> tuple[dict[str, Any], bool]:
    """A step without its name, and whether it writes to both streams."""
    shared = around.volume and draw(st.booleans())
    does = draw(st.lists(statements(codo=around.codo, shared=shared), max_size=4))
    step: dict[str, Any] = {}
    hangs = False
    if around.layout == "dag":
        hangs = draw(st.sampled_from([False] * 7 + [True]))
        if hangs or draw(st.booleans()):
            step["timeout"] = (
                draw(st.sampled_from(["3s", "4.5s"]))
                if hangs
                else draw(st.sampled_from(["10m", "90s", "1h0.5m"]))
            )
        if draw(st.booleans()):
            step["onError"] = draw(st.sampled_from(["continue", "stopAndFail"]))
    end = HANG if hangs else draw(ends())
    mixed = any(each.stderr for each in does)
    kind = draw(st.sampled_from(["sh", "sh", "sh", "command", "python", "program"]))
    if hangs and kind == "program":
        kind = "sh"
    lines = [*does, end]
    image = PYTHON if kind == "python" else ALPINE
    step |= {"image": image, "imagePullPolicy": "IfNotPresent"}
    if kind == "python":
        step["script"] = draw(st.sampled_from(PYTHONS)) + _python(lines, whole_lines=mixed)
    elif kind == "sh":
        source = _sh(lines, whole_lines=mixed).replace("KILL_SELF", "$$")
        words = draw(st.lists(values(), max_size=2))
        if words:
            step["args"] = words
            source = "printf '[%s]\\n' \"$@\"\n" + source
        step["script"] = draw(st.sampled_from(SHEBANGS)) + source
    elif kind == "command":
        source = _sh(lines, whole_lines=mixed).replace("KILL_SELF", "$$$$")
        source = 'printf \'[%s]\\n\' "$0" "$@"\n' + source
        step["command"] = [
            draw(st.sampled_from(["sh", "/bin/sh"])),
            draw(st.sampled_from(["-c", "-ec"])),
            source,
        ]
        step["args"] = draw(st.lists(values(), min_size=1, max_size=3))
    else:
        mixed = False
        step["command"] = draw(_programs(around, shared))
    step |= draw(_more())
    if shared:
        step["volumeMounts"] = draw(_mounts())
        step["env"] = [*step.get("env", []), {"name": "SHARED", "value": "/mnt/work"}]
    if draw(st.sampled_from([False, False, False, True])):
        step["workingDir"] = "/mnt/work" if shared else "/opt/differential"
    return step, mixed


@cache
def _more() -> st.SearchStrategy[dict[str, Any]]:
    """Fields that a step may have or not."""
    seldom = st.one_of(st.just({}), st.sampled_from(SECURITY))
    return st.fixed_dictionaries(
        {}, optional={"env": env(), "computeResources": resources(), "securityContext": seldom}
    )


@cache
def _mounts() -> st.SearchStrategy[list[dict[str, Any]]]:
    """The volume ``work`` at ``/mnt/work``, and maybe again to be read only."""
    place = st.fixed_dictionaries(
        {"name": st.just("work"), "mountPath": st.just("/mnt/work")},
        optional={"subPath": st.sampled_from(["sub", "sub/dir"])},
    )
    again = st.fixed_dictionaries(
        {"name": st.just("work"), "mountPath": st.just("/mnt/again/"), "readOnly": st.just(True)}
    )
    return st.builds(lambda one, more: [one, *more], place, st.lists(again, max_size=1))


@cache
def _programs(around: _Around, shared: bool) -> st.SearchStrategy[list[str]]:
    """Commands without a shell."""
    kinds = [
        st.sampled_from([["true"], ["false"], ["cat"], ["sleep", "0.2"], ["sh", "-c", ""]]),
        st.lists(texts(), min_size=1, max_size=3).map(lambda words: ["printf", "[%s]\\n", *words]),
        st.just(["printf", "%s\\n", "$(V1)", "$$(V2)", "$(codo_p)"]),
    ]
    if around.layout == "dag":
        kinds.append(st.sampled_from([["$(nobody)"], ["$(V1)", "x"], ["./none"], ["none/at/all", "x"]]))
    if around.layout == "dag" and shared:
        kinds.append(st.sampled_from([["/mnt/work/none"], ["/mnt/work"], ["/mnt/again/none", "x"]]))
    if around.codo:
        kinds += [
            st.builds(
                lambda key, value: ["codo", "set-context", f"{key}={value}"], st.sampled_from(KEYS), texts()
            ),
            st.sampled_from(KEYS).map(lambda key: ["codo", "get-context", key]),
        ]
    return st.one_of(kinds)


@cache
def params() -> st.SearchStrategy[dict[str, Any]]:
    """``scriptParams``; that called password is secret, and its value masked."""
    plain = st.one_of(values(), st.booleans(), st.integers(-(10**20), 10**20), st.just(1.5), st.none())
    secret = st.sampled_from(["s3cret {{x}}", "pa$$word", "p", "two\nlines here", "line"])
    return st.fixed_dictionaries({}, optional={"p": plain, "q": plain, "password": secret})


@st.composite
def tasks(draw: Callable[..., Any]) -> RandomTask:
    """A task that both engines run."""
    layout = draw(st.sampled_from(["pod", "dag", "auto"]))
    codo = draw(st.booleans())
    volume = draw(st.sampled_from([False, False, True]))
    # auto: in one pod where steps share a volume, which takes what one pod takes
    as_layout = ("pod" if volume else "dag") if layout == "auto" else layout
    most = draw(st.sampled_from([2, 3, 3, 4, 8]))
    named = st.tuples(st.sampled_from(NAMES), _step(_Around(as_layout, codo, volume)))
    least = draw(st.sampled_from([1, 1, 2, most]))
    drawn = draw(st.lists(named, min_size=least, max_size=most, unique_by=lambda one: one[0]))
    names = [name for name, _ in drawn]
    steps = [{"name": name, **step} for name, (step, _) in drawn]
    mixed = {name for name, (_, both) in drawn if both}
    if layout == "dag":
        # only one pod can share an emptyDir
        for at, step in enumerate(steps):
            for mount in step.get("volumeMounts", ()):
                mount["name"] = f"work-{at}"
    pod: dict[str, Any] = {"env": draw(env())} if draw(st.booleans()) else {}
    for name in draw(st.lists(st.sampled_from(sorted(POD)), max_size=3, unique=True)):
        pod[name] = POD[name]
    timeout = draw(st.sampled_from([None, None, 600, 900]))
    if draw(st.sampled_from([False] * 39 + [True])):
        # the task's deadline, in the first step: when a later one starts is the cluster's to decide
        steps = steps[:2]
        steps[0] = {"name": names[0], "image": ALPINE, "script": _sh([HANG], whole_lines=True)}
        mixed.discard(names[0])
        timeout = 60
    spec: dict[str, Any] = {"displayName": draw(st.sampled_from(["t", "中文 name"])), "steps": steps}
    volumes = {mount["name"] for step in steps for mount in step.get("volumeMounts", ())}
    if volumes:
        kinds = st.sampled_from([{}, {"sizeLimit": "50Mi"}, {"medium": "Memory", "sizeLimit": "8Mi"}])
        declared = [{"name": name, "emptyDir": draw(kinds)} for name in sorted(volumes)]
        (pod if draw(st.booleans()) else spec)["volumes"] = declared
    data: dict[str, Any] = {"taskSpec": spec}
    if draw(st.booleans()):
        spec["description"] = draw(values())
    if pod:
        data["podTemplate"] = pod
    if draw(st.sampled_from([False, False, True])):
        data["computeResources"] = draw(resources())
    if draw(st.sampled_from([False, False, True])):
        data["timeout"] = draw(st.sampled_from(["15m", "1h"]))
    given = draw(params())
    if draw(st.sampled_from([False, False, True])):
        data |= {"taskID": "t", "require": {"fields": sorted(given)}}
    return RandomTask(data, given, timeout, layout, frozenset(mixed))
