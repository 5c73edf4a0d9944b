import pytest
from hera.workflows import models as m

from translator.workflow.refusal import Faults, Untranslatable
from translator.workflow.structure import dropped, plain, structure, structures


def _faults(call):
    faults = Faults()
    result = call(faults)
    try:
        faults.check()
    except Untranslatable as error:
        return result, [(fault.path, fault.code) for fault in error.faults]
    return result, []


def test_a_structure_becomes_a_model():
    found, faults = _faults(lambda f: structure(m.Toleration, {"key": "a", "tolerationSeconds": 3}, "p", f))
    assert (found.toleration_seconds, faults) == (3, [])


def test_nothing_is_no_model():
    assert _faults(lambda f: structure(m.Affinity, {}, "p", f)) == (None, [])
    assert _faults(lambda f: structures(m.Toleration, (), "p", f)) == (None, [])
    assert _faults(lambda f: plain("", "p", f)) == (None, [])


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        ({"name": "v", "hostPath": {"path": 1}}, "p.hostPath.path", "bad-structure"),
        ({"name": "v", "future": {}}, "p.future", "unsupported-field"),
        ({"name": "v", "host_path": {"path": "/"}}, "p.host_path", "unsupported-field"),
        (
            {"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}, {"future": 1}]}},
            "p.projected.sources[1].future",
            "unsupported-field",
        ),
        ({"name": "v", "hostPath": {"path": "{{x}}"}}, "p.hostPath.path", "templated-text"),
    ],
)
def test_what_would_be_lost_or_changed_is_a_fault_at_its_place(data, path, code):
    assert _faults(lambda f: structure(m.Volume, data, "p", f))[1] == [(path, code)]


def test_a_list_in_a_list_has_a_path_too():
    assert list(dropped([[{"a": 1}]], [[{}]])) == ["[0][0].a"]


@pytest.mark.parametrize(
    ("model", "data", "passed_on"),
    [
        (
            m.Volume,
            {"name": "v", "emptyDir": {"sizeLimit": 100}},
            {"name": "v", "emptyDir": {"sizeLimit": "100"}},
        ),
        (
            m.EnvVarSource,
            {"resourceFieldRef": {"resource": "limits.cpu", "divisor": 1}},
            {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}},
        ),
        (m.ResourceRequirements, {"limits": {"cpu": 0.5}}, {"limits": {"cpu": "0.5"}}),
    ],
)
def test_kubernetes_takes_a_number_as_a_quantity(model, data, passed_on):
    found, faults = _faults(lambda f: structure(model, data, "p", f))
    assert faults == []
    assert found.model_dump(exclude_unset=True, by_alias=True) == passed_on
