from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import time
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from translator.observe.lines import CUT, LONGEST, Lines, text
from translator.observe.masking import MASK, Mask
from translator.observe.observation import LogEnd, LogLines, PodSeen, Verdict, WorkflowSeen

SECRET = "s3cr3t/+ p&ss"


def masked(mask, *lines, step="a"):
    return mask.observation(LogLines(step, lines, {"at": 1})).lines


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode((SECRET + "\n").encode()).decode(),
        quote(SECRET, safe=""),
        quote(SECRET),
        SECRET.replace("/", "%2F").replace("+", "%2B").replace(" ", "+").replace("&", "%26"),
    ],
)
def test_a_value_is_masked_in_the_forms_that_programs_print(shown):
    assert masked(Mask([SECRET]), f"curl -u me:{shown}@host {shown}") == (f"curl -u me:{MASK}@host {MASK}",)


def test_each_line_of_a_value_is_masked():
    key = "-----BEGIN KEY-----\nabcdefgh\n\nxy\r\n-----END KEY-----\n"
    lines = masked(Mask([key]), "-----BEGIN KEY-----", "got abcdefgh", "xy", "", "-----END KEY-----")
    assert lines == (MASK, f"got {MASK}", "xy", "", MASK)


def test_the_longest_value_wins():
    assert masked(Mask(["pass", "password", "word"]), "password pass word") == (f"{MASK} {MASK} {MASK}",)


def test_short_values_and_blanks_mask_nothing():
    mask = Mask(["abc", "", "      ", "\n\n\n\n"])
    seen = LogLines("a", ("abc",), {})
    assert mask.observation(seen) is seen


def test_messages_are_masked_and_nothing_else():
    mask = Mask(["main", SECRET])
    node = {"displayName": "main", "message": f"cannot start {SECRET}: main"}
    seen = mask.observation(WorkflowSeen({"metadata": {"name": "main"}, "status": {"nodes": {"n": node}}}))
    assert seen.object["metadata"] == {"name": "main"}
    assert seen.object["status"]["nodes"]["n"] == {
        "displayName": "main",
        "message": f"cannot start {MASK}: {MASK}",
    }
    state = {"waiting": {"reason": "CreateContainerError", "message": f"exec {SECRET}"}}
    pod = mask.observation(PodSeen({"status": {"containerStatuses": [{"name": "main", "state": state}]}}))
    (status,) = pod.object["status"]["containerStatuses"]
    assert (status["name"], status["state"]["waiting"]["message"]) == ("main", f"exec {MASK}")
    assert mask.observation(Verdict("Error", "R", f"no {SECRET}")).message == f"no {MASK}"
    assert mask.observation(LogEnd("a")) == LogEnd("a")


@pytest.mark.parametrize("before", range(len(SECRET) + 1))
@pytest.mark.parametrize("letter", ["x", "é", "汉"])
def test_a_value_that_the_longest_line_cuts_is_masked(before, letter):
    """A line over `LONGEST` bytes comes in pieces."""
    wide = len(letter.encode())
    filling = letter * ((LONGEST - before) // wide) + "x" * ((LONGEST - before) % wide)
    cutter = Lines()
    pieces = [text(piece) for piece in cutter.feed(f"{filling}{SECRET} and more\nnext\n".encode())]
    mask = Mask([SECRET, "other secret"])
    told = "".join(masked(mask, *pieces[:1])).removesuffix(CUT) + "".join(masked(mask, *pieces[1:]))
    assert MASK in told
    assert all(SECRET[start : start + 4] not in told for start in range(len(SECRET) - 3))
    assert told.endswith(" and morenext")


def test_pieces_of_different_steps_do_not_mix():
    mask = Mask([SECRET])
    assert masked(mask, "x" + SECRET[:4] + CUT, step="a") == ("x" + MASK + CUT,)
    assert masked(mask, SECRET[4:] + " b", step="b") == (SECRET[4:] + " b",)
    assert masked(mask, SECRET[4:] + " a", step="a") == (MASK + " a",)
    assert masked(mask, SECRET[4:] + " again", step="a") == (SECRET[4:] + " again",)


@given(st.lists(st.text(min_size=4, max_size=12), max_size=4), st.lists(st.text(max_size=40), max_size=5))
def test_no_value_is_left_in_any_line(values, lines):
    mask = Mask(values)
    for line in masked(mask, *lines, *values):
        for value in values:
            for part in (value, *value.splitlines()):
                if len(part.strip()) >= 4 and "\n" not in part and MASK not in part and part not in MASK:
                    assert part not in line.replace(MASK, "\0")


def test_where_the_values_are_lost_nothing_is_told():
    mask = Mask.of_everything()
    assert masked(mask, "a line", "", "another\tline") == (MASK, "", MASK)
    assert mask.observation(Verdict("Error", "R", "why")).message == MASK
    assert mask


# --- the forms that programs print

# nothing that a frame below holds, so that what is left of a line tells what was masked
letters = st.sampled_from("bcghjkqvwxyzBCGHJKQVWXYZ0123456789!#$%&'\"()*+,-./:;<>?@[\\]^_`{|}~ äß名密🚀\t")
secrets_ = st.text(letters, min_size=5, max_size=70).filter(lambda text: len(text.strip()) >= 5)
prefixes = st.sampled_from(["", "u", "us", "use", "user:", "root:x:"])


def bash_x(secret):
    """As ``bash -x`` writes a word with a blank or quote in it."""
    return "+ f '" + secret.replace("'", "'\\''") + "'"


PLAIN_FORMS = {
    "json": lambda secret: json.dumps({"f": secret}),
    "json, not in ascii": lambda secret: json.dumps({"f": secret}, ensure_ascii=False),
    "json in json": lambda secret: json.dumps({"f": json.dumps({"f": secret})}),
    "repr": lambda secret: repr({"f": secret}),
    "repr of bytes": lambda secret: repr([secret.encode()]),
    "ascii": lambda secret: ascii((secret, "f")),
    "repr among quotes": lambda secret: repr(f"f='{secret}' \"f\""),
    "bash -x": bash_x,
    "shlex": lambda secret: "f " + shlex.quote(secret),
    "percent": lambda secret: "f=" + quote(secret, safe=""),
    "form": lambda secret: urlencode({"f": secret}),
    "percent in small letters": lambda secret: re.sub("%..", lambda m: m[0].lower(), quote(secret)),
    "blanks joined": lambda secret: "f " + " ".join(secret.split()),
}


def shown(told):
    """What is left of a line, without frames."""
    return re.sub(r"[fF\s=+\"'\\(){}\[\],:b]|\\\\", "", told.replace(MASK, ""))


@settings(max_examples=60, deadline=None)
@given(secrets_, st.sampled_from(sorted(PLAIN_FORMS)))
def test_a_secret_is_masked_in_every_form(secret, form):
    assume(len(" ".join(secret.split())) >= 4)
    line = PLAIN_FORMS[form](secret)
    (told,) = masked(Mask([secret]), line)
    assert MASK in told, line
    assert shown(told) == "", line


@settings(max_examples=60, deadline=None)
@given(secrets_, prefixes, prefixes, st.booleans())
def test_base64_of_a_secret_is_masked_wherever_it_lies(secret, before, after, url_safe):
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    text = encode((before + secret + after).encode()).decode()
    (told,) = masked(Mask([secret]), f"Basic {text}.")
    left, mask, right = told.removeprefix("Basic ").removesuffix(".").partition(MASK)
    assert mask
    assert (text.startswith(left), text.endswith(right)) == (True, True)
    # a character of base64 has 6 bits: what is left is of the neighbours alone, and all but one of them is
    for rest, neighbour in ((left, before), (right.rstrip("="), after)):
        bits = 8 * len(neighbour.encode())
        assert bits - 12 < 6 * len(rest) <= bits + (4 if rest is not left and rest else 0), told


@settings(max_examples=50, deadline=None)
@given(
    st.text(letters, min_size=12, max_size=400).filter(lambda text: len(text.strip()) >= 12),
    st.integers(0, 120),
    st.sampled_from([64, 76]),
    st.sampled_from(["", "  "]),
    st.data(),
)
def test_base64_that_is_wrapped_is_masked_also_over_the_border_of_two_batches(
    secret, offset, width, indent, data
):
    text = base64.b64encode(b"u" * offset + secret.encode() + b"u" * 50).decode()
    lines = ["before", *(indent + text[at : at + width] for at in range(0, len(text), width)), "after"]
    mask = Mask([secret])
    told = []
    at = 0
    while at < len(lines):
        size = data.draw(st.integers(1, 4))
        told += masked(mask, *lines[at : at + size])
        at += size
    assert (told[0], told[-1], len(told)) == ("before", "after", len(lines))
    left = "".join(line.removeprefix(indent) for line in told[1:-1])
    assert MASK in left
    # the beginning of what is not known yet to be one may be told: fewer characters than `SHORTEST`; padding
    # is counted on neither side, as it holds nothing
    kept = len(left.replace(MASK, "").rstrip("="))
    assert kept <= len(base64.b64encode(b"u" * (offset + 50)).rstrip(b"=")) + 3


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(min_size=8, max_size=60), min_size=1, max_size=4),
    st.lists(st.text(st.characters(exclude_characters="\n"), max_size=100), max_size=6),
)
def test_other_text_stays_as_it_is(secrets_, lines):
    """No form of a secret has fewer characters than the secret, so lines without its words are others'."""
    assume(all(len(set(secret)) > 4 for secret in secrets_))
    long = [secret for secret in secrets_ if all(len(part) >= 8 for part in secret.splitlines())]
    assume(long)
    alien = "".join(set("".join(lines)) & set("".join(long)))
    assume(not alien)
    lines = [*lines, "an ordinary line of a build", base64.b64encode(b"nobody knows what this is").decode()]
    assert masked(Mask(long), *lines) == tuple(lines)


def test_several_lines_joined_by_a_shell_are_one_value():
    key = "-----BEGIN KEY-----\nab\ncd  ef\n-----END KEY-----\n"
    mask = Mask([key])
    for line in ("-----BEGIN KEY----- ab cd ef -----END KEY-----", json.dumps(key), repr(key)):
        assert masked(mask, f"x {line} y") in [(f"x {MASK} y",), (f'x "{MASK}" y',), (f"x '{MASK}' y",)]


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_shell_that_tells_its_commands_shows_no_secret(shell):
    secrets_ = ['it\'s a "$ecret" `x`!', "tab\tand\x1besc", "plain-secret-1", "näme & 密码 \\ two", "a b*c?d"]
    script = 'set -x; for each; do : "$each" user:"$each"; done; printf "%q\\n" "$@"'
    if shell == "sh":
        script = script.replace("%q", "%s")
    for locale in ("C", "C.UTF-8"):
        command = [shell, "-c", script, "sh", *secrets_]
        environment = {"LC_ALL": locale, "PATH": "/usr/bin:/bin"}
        out = subprocess.run(command, env=environment, capture_output=True, check=True)
        lines = [line.decode("utf-8", "backslashreplace") for line in (out.stderr + out.stdout).splitlines()]
        told = masked(Mask(secrets_), *lines)
        for word in ("ecret", "esc", "plain", "密码", "two", "b*c"):
            assert word not in "\n".join(told), (lines, told)


def test_masking_is_linear():
    """Also where a line is all beginnings of a value; figures are in benchmarks/masking.py."""
    mask = Mask(["a" * 2000 + "b", "a" * 50 + "c"])
    line = "a" * 200_000
    begun = time.process_time()
    assert masked(mask, line) == (line,)
    assert time.process_time() - begun < 1.0
