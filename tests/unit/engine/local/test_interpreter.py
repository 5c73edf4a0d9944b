from __future__ import annotations

import pytest

from translator.engine.local.interpreter import find_command

HERE = {
    "/usr/bin/test",
    "/usr/bin/true",
    "/usr/bin/python3",
    "/usr/bin/env",
    "/bin/sh",
    "/opt/bin/ruby",
    "/opt/bin/python3",
}


def found(*command: str, path: str = "/opt/bin:/usr/bin:relative") -> tuple[str, ...] | None:
    return find_command(command, path, HERE.__contains__)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("/bin/sh", "-e"), ("/bin/sh", "-e")),
        (("/usr/bin/ruby",), ("/opt/bin/ruby",)),
        (("/bin/python",), ("/opt/bin/python3",)),
        (("/bin/python3.9", "-u"), ("/opt/bin/python3", "-u")),
        (("python",), ("/opt/bin/python3",)),
        (("ruby",), ("/opt/bin/ruby",)),
        (("./tool",), ("./tool",)),
        (("/usr/bin/env", "python"), ("/usr/bin/env", "/opt/bin/python3")),
        (("/usr/bin/env", "ruby"), ("/usr/bin/env", "ruby")),
        (("/usr/bin/env", "-S", "nothing"), ("/usr/bin/env", "-S", "nothing")),
        (("/usr/bin/env", "A=1", "nothing"), ("/usr/bin/env", "A=1", "nothing")),
        (("/app/bin/test", "-n", "--smoke"), None),
        (("/srv/tools/true",), None),
        (("/usr/bin/env", "/srv/tools/true"), None),
        (("true",), ("/usr/bin/true",)),
        (("/bin/python2",), None),
        (("/bin/perl",), None),
        (("perl",), None),
        (("/usr/bin/env", "perl"), None),
    ],
)
def test_the_rule(command: tuple[str, ...], expected: tuple[str, ...] | None):
    assert found(*command) == expected


def test_relative_entries_of_path_do_not_count():
    assert find_command(("tool",), "relative:", {"relative/tool", "/tool"}.__contains__) is None
