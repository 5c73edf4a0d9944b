import subprocess
import sys

import pytest

from translator.workflow.refusal import Faults, Untranslatable
from translator.workflow.script import interpreter


def _command(script):
    faults = Faults()
    command = interpreter(script, "p", faults)
    faults.check()
    return command


@pytest.mark.parametrize(
    ("first_line", "command"),
    [
        ("#!/bin/sh", ["/bin/sh"]),
        ("#!/usr/bin/env python3", ["/usr/bin/env", "python3"]),
        ("#!/bin/sh -e -x", ["/bin/sh", "-e -x"]),
        ("#! /bin/sh", ["/bin/sh"]),
        ("#!\t/bin/sh\t-e\t", ["/bin/sh", "-e"]),
        ("#!/bin/sh   ", ["/bin/sh"]),
        ("#!/usr/bin/env -S python3 -u", ["/usr/bin/env", "-S python3 -u"]),
        ("#!/opt/中文/sh", ["/opt/中文/sh"]),
        ("#!" + "/" + "x" * 252, ["/" + "x" * 252]),
        ("echo hi", ["/bin/sh", "-e"]),
        (" #!/bin/sh", ["/bin/sh", "-e"]),
        ("# !/bin/sh", ["/bin/sh", "-e"]),
        ("", ["/bin/sh", "-e"]),
    ],
)
def test_the_command_is_what_the_kernel_would_run(first_line, command):
    assert _command(first_line + "\necho hi\n") == command
    assert _command(first_line) == command


@pytest.mark.parametrize(
    "first_line",
    [
        "#!",
        "#!  \t",
        "#!/bin/sh\r",
        "#!/bin/sh -e\r",
        "\ufeff#!/bin/sh",
        "#!/" + "x" * 253,
        "#!/" + "中" * 100,
    ],
)
def test_a_first_line_that_the_kernel_would_not_run_is_refused(first_line):
    with pytest.raises(Untranslatable) as caught:
        _command(first_line + "\necho hi\n")
    assert [fault.code for fault in caught.value.faults] == ["shebang"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux' own kernel")
@pytest.mark.parametrize("rest", [" -a -b ", "\t-a  -b", "", "  ", "\t one"])
def test_the_kernel_itself_agrees(rest, tmp_path):
    printer = tmp_path / "printer"
    printer.write_text("#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done\n")
    printer.chmod(0o755)
    # A script's interpreter may be a script (Linux nests four deep); it sees what the kernel gave it.
    script = tmp_path / "script"
    text = f"#!{printer}{rest}\n"
    script.write_text(text)
    script.chmod(0o755)
    seen = subprocess.run([script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [str(printer), *seen[:-1]] == _command(text)
    assert seen[-1] == str(script)
