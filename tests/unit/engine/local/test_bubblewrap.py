from __future__ import annotations

from pathlib import Path

from translator.engine.local.bubblewrap import MAX_WORDS, mount_arguments
from translator.engine.local.placement import Bind


def test_a_target_that_exists_is_mounted_on(tmp_path: Path):
    (tmp_path / "there").mkdir()
    source = tmp_path / "source"
    source.mkdir()
    target = str(tmp_path / "there")
    assert mount_arguments([Bind(target, source)]) == ["--dev-bind", "/", "/", "--bind", str(source), target]


def test_a_target_that_does_not_exist_gets_its_folder_made_anew(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o750)
    (folder / "file").touch()
    (folder / "link").symlink_to("file")
    source = tmp_path / "source"
    source.touch()
    words = mount_arguments([Bind(f"{folder}/new/codo", source, read_only=True)])
    assert words == [
        *("--dev-bind", "/", "/"),
        *("--perms", "0750", "--tmpfs", str(folder)),
        *("--dev-bind-try", f"{folder}/file", f"{folder}/file"),
        *("--symlink", "file", f"{folder}/link"),
        *("--ro-bind", str(source), f"{folder}/new/codo"),
    ]
    assert not (folder / "new").exists()


def test_a_file_where_a_folder_is_asked_for_is_left_out(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    source = tmp_path / "source"
    source.mkdir()
    words = mount_arguments([Bind(f"{tmp_path}/folder/x", source)])
    assert words is not None
    assert "--dev-bind-try" not in words
    assert words[-3:] == ["--bind", str(source), f"{tmp_path}/folder/x"]


def test_a_target_at_the_root_is_made_there(tmp_path: Path):
    words = mount_arguments([Bind("/codo-test-root", tmp_path)])
    assert words is not None
    assert words[:3] != ["--dev-bind", "/", "/"]
    assert words[words.index("/proc") - 1 :][:3] == ["--dev-bind-try", "/proc", "/proc"]


def test_a_mount_below_another_needs_nothing_of_this_machine(tmp_path: Path):
    (tmp_path / "there").mkdir()
    source = tmp_path / "source"
    source.mkdir()
    words = mount_arguments([Bind(f"{tmp_path}/there", source), Bind(f"{tmp_path}/there/in/deep", source)])
    assert words is not None
    assert "--tmpfs" not in words


def test_what_cannot_be_done(tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "file").touch()
    assert mount_arguments([Bind("/", source)]) is None
    assert mount_arguments([Bind(f"{tmp_path}/file/below", source)]) is None
    crowded = tmp_path / "crowded"
    crowded.mkdir()
    for number in range(MAX_WORDS // 3 + 1):
        (crowded / str(number)).touch()
    assert mount_arguments([Bind(f"{crowded}/new", source)]) is None
