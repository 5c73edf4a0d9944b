import pytest

from tests.unit.workflow.sample_tasks import TEMPLATE, rendered, step, task
from translator.workflow.refusal import Untranslatable
from translator.workflow.template import merged


@pytest.mark.parametrize(
    ("under", "over", "result"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}, {"a": {"b": 1, "c": 3, "d": 4}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        (
            {"a": [{"name": "x", "k": 1, "l": 1}, {"name": "y"}]},
            {"a": [{"name": "z"}, {"name": "x", "k": 2}]},
            {"a": [{"name": "x", "k": 2, "l": 1}, {"name": "y"}, {"name": "z"}]},
        ),
        ({"a": [{"key": "x"}]}, {"a": [{"key": "y"}]}, {"a": [{"key": "y"}]}),
        ({"a": [{"name": "x"}]}, {}, {"a": [{"name": "x"}]}),
    ],
)
def test_the_rule_of_the_merge(under, over, result):
    assert merged(under, over) == result


def test_the_template_lies_under_every_workflow():
    template = {
        "metadata": {"labels": {"team": "a"}},
        "spec": {
            "imagePullSecrets": [{"name": "registry"}],
            "ttlStrategy": {"secondsAfterCompletion": 60},
            "entrypoint": "other",
            "onExit": "tidy",
            "templates": [{"name": "tidy", "container": {"image": "x"}}],
        },
    }
    workflow = rendered(task(step()), template=template).workflow
    spec = workflow["spec"]
    assert workflow["metadata"]["labels"]["team"] == "a"
    assert workflow["metadata"]["labels"]["codo.dev/task-id"] == "t"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["ttlStrategy"] == {"secondsAfterCompletion": 60}
    assert spec["entrypoint"] == "task"
    assert [template["name"] for template in spec["templates"]] == ["tidy", "task", "one"]


def test_a_step_cannot_merge_with_a_template_of_the_same_name():
    template = {"spec": {"templates": [{"name": "one"}]}}
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step()), template=template)
    assert [(f.path, f.code) for f in caught.value.faults] == [("taskSpec.steps[0].name", "reserved-name")]


@pytest.mark.parametrize("template", [{}, TEMPLATE])
def test_every_workflow_keeps_its_pods_and_itself_until_logs_are_read(template):
    workflow = rendered(task(step()), template=template).workflow
    assert workflow["spec"]["podGC"] == {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "600s"}
    assert workflow["spec"]["ttlStrategy"] == {"secondsAfterCompletion": 86400}
    assert workflow["metadata"]["finalizers"] == ["codo.dev/logs"]


def test_standalone_leaves_out_what_needs_the_service():
    assert "finalizers" not in rendered(task(step()), standalone=True).workflow["metadata"]
