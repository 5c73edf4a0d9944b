import json

import pytest

from translator.errors import PermanentError
from translator.service.template import load_template


def _load(tmp_path, text):
    path = tmp_path / "workflow.yaml"
    path.write_text(text)
    return load_template(path)


def test_the_projects_own_template_is_found_and_valid():
    assert load_template()["spec"]["podGC"]["deleteDelayDuration"] == "600s"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Workflow\nspec:\n  ttlStrateg: {}\n", "spec.ttlStrateg: Argo's Workflow has no such field"),
        (
            "kind: Workflow\nspec:\n  tolerations:\n  - {key: a, efect: b}\n",
            "spec.tolerations[0].efect: Argo's Workflow has no such field",
        ),
        ("kind: Workflow\nspec:\n  tolerations: 1\n", "spec.tolerations: "),
        ("kind: Pod\n", "is no Workflow"),
        ("[]", "is no Workflow"),
        ("a: [", "cannot be read: "),
    ],
)
def test_a_fault_in_the_template_names_the_file_and_the_field(tmp_path, text, message):
    with pytest.raises(PermanentError) as caught:
        _load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/workflow.yaml: {message}")
    assert caught.value.reason == "InvalidTemplate"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("F {{workflow.failures}} END", "workflow.failures"),
        ("{{ workflow.failures }}", "workflow.failures"),
        ("{{=toJson(workflow['failures'])}}", "workflow.failures"),
        ("{{=workflow?.failures ?? ''}}", "workflow.failures"),
        ("{{=sprig.b64enc(workflow.failures)}} {{workflow.failures}}", "workflow.failures"),
        ("{{lastRetry.message}}", "lastRetry.message"),
        ("{{=sprig.b64enc(workflow.failures)}} {{workflow.name}} {{workflow.status}}", None),
        ("the text workflow.failures", None),
    ],
)
def test_what_a_step_wrote_is_not_evaluated_by_way_of_the_template(tmp_path, text, name):
    container = {"image": "alpine", "command": ["echo"], "args": [text]}
    spec = {"onExit": "bye", "templates": [{"name": "bye", "container": container}]}
    text = json.dumps({"kind": "Workflow", "spec": spec})
    if name is None:
        assert _load(tmp_path, text)["spec"] == spec
        return
    with pytest.raises(PermanentError, match="evaluate what a step wrote") as caught:
        _load(tmp_path, text)
    assert f"spec.templates[0].container.args[0]: Argo would evaluate what a step wrote into {name}" in str(
        caught.value
    )
    assert f"{{{{=sprig.b64enc({name})}}}}" in caught.value.remedy


def test_a_missing_template_is_said(tmp_path):
    with pytest.raises(PermanentError, match="cannot be read"):
        load_template(tmp_path / "none.yaml")


def test_a_template_may_be_empty_but_for_its_kind(tmp_path):
    assert _load(tmp_path, "kind: Workflow\n") == {"kind": "Workflow"}
