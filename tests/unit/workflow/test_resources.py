from translator.task.model import Resources
from translator.workflow.resources import resource_requirements


def _as_data(task, step, ceilings=None):
    found = resource_requirements(task, step, ceilings or {})
    return found and found.model_dump(exclude_none=True, by_alias=True)


def test_the_tasks_value_overrides_the_steps_key_by_key():
    step = Resources(requests={"memory": "256Mi", "cpu": "500m"}, limits={"cpu": "1"})
    task = Resources(requests={"memory": "128Mi"}, limits={"memory": "1Gi"})
    assert _as_data(task, step) == {
        "requests": {"memory": "128Mi", "cpu": "500m"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }


def test_nothing_said_is_nothing_asked_for():
    assert _as_data(Resources(), Resources()) is None
    assert _as_data(Resources(requests={"cpu": "1"}), Resources()) == {"requests": {"cpu": "1"}}


def test_a_ceiling_is_the_limit_where_there_is_none_and_asks_for_nothing():
    step = Resources(requests={"cpu": "1"}, limits={"memory": "1Gi"})
    ceilings = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "1Gi", "nvidia.com/gpu": "1"}
    assert _as_data(Resources(), step, ceilings) == {
        "requests": {"cpu": "1", "ephemeral-storage": "0"},
        "limits": {"memory": "1Gi", "cpu": "4", "ephemeral-storage": "1Gi"},
    }
