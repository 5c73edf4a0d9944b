from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from translator.engine.local.here import HereRunner
from translator.engine.local.placement import Bind, Placement
from translator.engine.local.plan import Container, File, Kind, Plan, Pod, Variable, Volume, VolumeMount
from translator.engine.local.process import Invocation
from translator.engine.local.runner import Ready
from translator.errors import PermanentError

DATA = VolumeMount(Volume("data", Kind.POD), "/codo-test-data")


def runner(tmp_path: Path) -> HereRunner:
    return HereRunner({"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": "/h", "TOKEN": "x"}, bubblewrap=False)


def container(**more: Any) -> Container:
    fields: dict[str, Any] = {"step": "s", "name": "main", "image": "alpine", "pull_policy": "", "args": ()}
    return Container(**{**fields, "command": ("/bin/sh",), **more})


def notices(tmp_path: Path, *containers: Container, ignored: tuple[tuple[str, str], ...] = ()) -> list[str]:
    pods = tuple(Pod(one.step, one.step, (one,)) for one in containers)
    plan = Plan("wf", "default", "task", container_set=False, pods=pods, targets=(), ignored=ignored)
    return [str(notice) for notice in runner(tmp_path).examine(plan)]


def test_images_and_fields_are_told_once(tmp_path: Path):
    said = notices(
        tmp_path,
        container(step="a"),
        container(step="b"),
        container(step="c", image="other"),
        ignored=(("", "affinity"), ("a", "resources"), ("b", "resources")),
    )
    assert said == [
        "the steps run on this machine, not in alpine and other",
        "no effect on this machine: affinity and resources",
    ]


@pytest.mark.parametrize(
    ("more", "notice"),
    [
        ({"working_dir": "/usr"}, "s: works in this machine's own /usr"),
        (
            {"working_dir": "/codo-none"},
            "s: /codo-none is not on this machine; an empty folder takes its place",
        ),
        (
            {
                "mounts": (DATA,),
                "files": (File("/argo/staging/script", "ls /codo-test-data/x", 0o755),),
                "script": True,
            },
            "s: its script mentions /codo-test-data, which lies elsewhere here (mounts are not allowed)",
        ),
        ({"command": ("/nosuch/sh",)}, "s: /nosuch/sh is not on this machine; /usr/bin/sh runs instead"),
    ],
)
def test_what_differs_in_a_step(tmp_path: Path, more: dict[str, Any], notice: str):
    assert notices(tmp_path, container(**more))[1:] == [notice]


def test_a_working_directory_in_a_mount_is_nothing_to_tell(tmp_path: Path):
    assert notices(tmp_path, container(mounts=(DATA,), working_dir="/codo-test-data"))[1:] == []


def test_the_images_own_command_is_refused(tmp_path: Path):
    with pytest.raises(PermanentError, match="gives no command of its own"):
        notices(tmp_path, container(command=(), args=("x",)))


def test_paths_are_moved_where_nothing_can_be_mounted(tmp_path: Path):
    (tmp_path / "c0").mkdir()
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    placement = Placement(
        tmp_path / "c0",
        (Bind("/codo-test-data", tmp_path / "v"), Bind("/usr/local/bin/codo", tmp_path / "tool")),
    )
    one = container(
        command=("codo",),
        args=("/codo-test-data/x", "$(DIR)", "--in=/codo-test-data"),
        env=(Variable("DIR", "/codo-test-data/d"), Variable("RAW", "$(DIR)", expands=False)),
        working_dir="/codo-test-data/w",
    )
    invocation = runner(tmp_path).invocation(Ready(one, placement, "n"))
    assert isinstance(invocation, Invocation)
    moved = f"{tmp_path}/v"
    assert invocation.program == f"{tmp_path}/c0/bin/codo"
    assert invocation.argv == ("codo", f"{moved}/x", f"{moved}/d", "--in=/codo-test-data")
    assert invocation.cwd == f"{moved}/w"
    assert invocation.env == {
        "DIR": f"{moved}/d",
        "RAW": "$(DIR)",
        "HOME": "/h",
        "TMPDIR": f"{tmp_path}/c0/tmp",
        "PATH": f"{tmp_path}/c0/bin:{tmp_path}/bin:/usr/bin:/bin",
    }


def test_a_program_that_is_not_there(tmp_path: Path):
    placement = Placement(tmp_path, ())
    assert (
        runner(tmp_path).invocation(Ready(container(command=("no-such-x",)), placement, "n")) == "no-such-x"
    )


def test_a_note_about_a_script_names_its_own_step(tmp_path: Path):
    """In the layout ``pod`` one volume holds the scripts of all steps."""
    scripts = Volume(
        "files", Kind.FILES, (("one", b"echo >/codo-test-data/x", 0o755), ("two", b"echo $$", 0o755))
    )
    steps = [
        container(
            step=name,
            args=("/codo/script",),
            mounts=(DATA, VolumeMount(scripts, "/codo/script", sub_path=name)),
        )
        for name in ("one", "two")
    ]
    assert [said for said in notices(tmp_path, *steps) if "mentions" in said] == [
        "one: its script mentions /codo-test-data, which lies elsewhere here (mounts are not allowed)"
    ]
