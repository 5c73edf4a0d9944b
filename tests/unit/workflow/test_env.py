import pytest

from tests.unit.workflow.sample_tasks import process, rendered, step, task
from translator.task.model import PodTemplate
from translator.workflow.refusal import Untranslatable


def _env(given):
    return [(v["name"], v.get("value")) for v in process(given)["env"]]


def _variables(**values):
    return tuple({"name": name, "value": value} for name, value in values.items())


def test_a_later_layer_wins_in_the_earlier_ones_place():
    given = task(
        step(env=_variables(B="step", C="$(A) $(codo_p)")),
        pod=PodTemplate(env=_variables(codo_p="pod", A="pod", B="pod")),
        params=(("p", "param"),),
    )
    assert _env(given) == [("codo_p", "param"), ("A", "pod"), ("B", "step"), ("C", "$(A) $(codo_p)")]


def test_a_value_that_refers_to_others_stays_behind_them():
    given = task(step(env=_variables(X="1", A="$(X)")), pod=PodTemplate(env=_variables(A="pod", B="b")))
    assert _env(given) == [("B", "b"), ("X", "1"), ("A", "$(X)")]


def test_the_brace_comes_before_all_that_need_it():
    given = task(step(env=_variables(A="1", B="{{x}}")))
    assert _env(given) == [("CODO_BRACE", "{"), ("A", "1"), ("B", "{$(CODO_BRACE)x}}")]


@pytest.mark.parametrize("text", ["{{x}}", "$$", "$(A)"])
def test_a_param_that_would_be_changed_comes_from_the_config_map(text):
    found = rendered(task(step(), params=(("p", text),)))
    (variable,) = found.workflow["spec"]["templates"][1]["script"]["env"]
    reference = variable["valueFrom"]["configMapKeyRef"]
    assert variable["name"] == "codo_p"
    assert reference["name"] == found.files["metadata"]["name"] == f"{found.name}-files"
    assert found.files["data"][reference["key"]] == text


def test_a_variable_from_elsewhere_stays_as_it_is():
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    given = task(step(env=({"name": "A", "valueFrom": source},)))
    assert process(given)["env"] == [{"name": "A", "valueFrom": source}]


def test_a_reference_that_argo_would_substitute_is_refused():
    source = {"secretKeyRef": {"name": "s", "key": "{{x}}"}}
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(env=({"name": "A", "valueFrom": source},))))
    (fault,) = caught.value.faults
    assert fault.path == "taskSpec.steps[0].env[0].valueFrom.secretKeyRef.key"
    assert fault.code == "templated-text"


def test_a_params_name_that_argo_would_substitute_is_refused():
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(), params=(("{{x}}", "1"),)))
    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("args.scriptParams.{{x}}", "templated-text")


def test_a_name_of_ours_is_refused():
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(), pod=PodTemplate(env=_variables(CODO_CONTEXT="x"))))
    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("podTemplate.env[0].name", "reserved-name")
