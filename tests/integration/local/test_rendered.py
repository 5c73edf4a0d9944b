"""The manifests that `translator render` gives are the ones that this engine reads: its golden files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from translator.engine.local.manifest import read_plan
from translator.errors import PermanentError
from translator.workflow.rendered import Rendered

GOLDEN = Path(__file__).parents[2] / "golden"
NEED_A_CLUSTER = {
    "env-value-from": "the variable SECRET comes from the Secret",
    "layout-pod": "persistentVolumeClaim, which only a cluster has",
    "volumes": "which only a cluster has",
}


def rendered(file: Path) -> Rendered:
    objects = list(yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader))
    kinds = {one["kind"]: one for one in objects}
    return Rendered(kinds["Workflow"], kinds.get("ConfigMap"), kinds.get("Secret"))


@pytest.mark.parametrize(
    "file", sorted(GOLDEN.glob("*.expected.yaml")), ids=lambda file: file.name.split(".")[0]
)
def test_every_golden_manifest_is_read(file: Path):
    name = file.name.removesuffix(".expected.yaml")
    if name in NEED_A_CLUSTER:
        with pytest.raises(PermanentError, match=NEED_A_CLUSTER[name]):
            read_plan(rendered(file))
    else:
        assert read_plan(rendered(file)).steps
