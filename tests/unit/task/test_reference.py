from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from translator.task.reference import all_fields, find

SEED = Path(__file__).parents[4] / "shared" / "seed" / "example.full.yaml"


def test_a_field_is_found_by_its_path_however_lists_are_written():
    plain = find("taskSpec.steps.image")
    assert plain is not None
    assert (plain.path, plain.kind, plain.required) == ("taskSpec.steps[].image", "string", True)
    assert find("taskSpec.steps[0].image") == find("taskSpec.steps[].image") == plain
    assert find("taskSpec.step") is None


def test_what_is_in_a_kubernetes_structure_can_be_asked_for_but_is_not_listed():
    assert find("podTemplate.affinity.nodeAffinity") is not None
    assert not any(field.path.startswith("podTemplate.affinity.") for field in all_fields())


def test_words_and_kinds():
    on_error = find("taskSpec.steps.onError")
    assert on_error is not None
    assert on_error.allowed == ("continue", "stopAndFail")
    assert {find(path).kind for path in ("computeResources.limits", "podTemplate.nodeSelector")} == {  # type: ignore[union-attr]
        "map of quantity",
        "map of string",
    }


@pytest.mark.skipif(not SEED.is_file(), reason="the seed's example is not beside the checkout")
def test_every_field_of_the_seed_has_a_meaning_in_both_languages():
    data = yaml.safe_load(SEED.read_text())
    step = {key: None for each in data["taskSpec"]["steps"] for key in each} | {"securityContext": None}
    paths = [*data, *(f"podTemplate.{key}" for key in data["podTemplate"])]
    paths += [f"taskSpec.{key}" for key in data["taskSpec"]] + [f"taskSpec.steps.{key}" for key in step]
    for path in paths:
        field = find(path)
        assert field is not None, path
        assert set(field.meaning) == {"en", "zh"}, path
        assert all(field.meaning.values()), path
