from __future__ import annotations

import io

import pytest

from translator.cli.terminal import shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("plain 名\ttext", None),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
        ("\x1b[1;38:5:9mnot ended", "\x1b[1;38:5:9mnot ended\x1b[0m"),
        ("a\x1b[2J\x1b[1;1Hb\x1b[?25lc", "abc"),
        ("\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b", "ab"),
        ("\x1bPq#0\x1b\\a\x1b_x\x1b\\b", "ab"),
        ("\x1b]0;never ended", ""),
        ("10%\r20%\x08\x07\x00\x7f", "10%20%"),
        ("\x9b2J\x90\x85", "2J"),
        ("\x1b", ""),
        ("\x1b\x1b[2J", ""),
        ("\x1bc\x1b(Ba", "a"),
    ],
)
def test_a_terminal_gets_text_and_colours_and_a_pipe_every_byte(printed, told):
    assert shown(printed, Terminal()) == (printed if told is None else told)
    assert shown(printed, io.StringIO()) == printed
