from __future__ import annotations

from pathlib import Path
from typing import Any

from translator.engine.local.placement import PodFolder
from translator.engine.local.plan import Container, File, Kind, Output, Volume, VolumeMount


def container(**more: Any) -> Container:
    return Container("s", "main", "i", "", ("x",), (), **more)


def test_mounts_and_files(tmp_path: Path):
    volume = Volume("v", Kind.POD)
    files = Volume("f", Kind.FILES, (("a/b", b"text", 0o640),))
    one = container(
        mounts=(VolumeMount(files, "/data/f/x", "a/b"), VolumeMount(volume, "/data")),
        files=(File("/bin/tool", "in={{inputs.parameters.p}}", 0o755),),
    )
    placed = PodFolder(tmp_path, tmp_path / "pod").place(one, {"p": "1"}, (), ())
    assert [bind.target for bind in placed.binds] == ["/data", "/bin/tool", "/data/f/x"]
    assert placed.source("/bin/tool").read_text() == "in=1"
    assert placed.source("/bin/tool").stat().st_mode & 0o777 == 0o755
    assert placed.source("/data/f/x").read_bytes() == b"text"
    assert placed.source("/data/y") == placed.source("/data") / "y"
    assert placed.source("/data").stat().st_mode & 0o777 == 0o777
    assert placed.source("/database") == Path("/database")


def test_a_pods_containers_share_its_volumes_and_pods_do_not(tmp_path: Path):
    own, run = Volume("v", Kind.POD), Volume("w", Kind.RUN)
    one = container(mounts=(VolumeMount(own, "/v"), VolumeMount(run, "/w")))
    first = PodFolder(tmp_path, tmp_path / "1")
    second = PodFolder(tmp_path, tmp_path / "2")
    places = [folder.place(one, {}, (), ()) for folder in (first, first, second)]
    assert places[0].source("/v") == places[1].source("/v") != places[2].source("/v")
    assert places[0].source("/w") == places[2].source("/w")
    assert len({place.home for place in places}) == 3


def test_outputs_that_nothing_is_mounted_at(tmp_path: Path):
    outputs = (Output("a", "/none/here/a", None), Output("b", "/tmp/b", None))
    placed = PodFolder(tmp_path, tmp_path / "1").place(container(), {}, outputs, ["/none/here"])
    assert placed.source("/none/here/a").is_relative_to(placed.home)
    assert placed.source("/tmp/b").is_relative_to(placed.home)
    assert [bind.target for bind in placed.binds] == ["/none/here"]
    assert [path for path, _ in placed.moved] == ["/tmp/b"]


def test_a_working_directory_in_a_volume_is_made(tmp_path: Path):
    one = container(mounts=(VolumeMount(Volume("v", Kind.POD), "/v"),), working_dir="/v/a/b")
    placed = PodFolder(tmp_path, tmp_path / "1").place(one, {}, (), ())
    assert placed.source("/v/a/b").is_dir()
