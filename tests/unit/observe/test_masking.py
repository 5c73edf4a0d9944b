from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
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
