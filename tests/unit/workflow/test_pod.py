import json

import pytest

from tests.unit.workflow.sample_tasks import rendered, spec, step, task
from translator.task.model import PodTemplate
from translator.workflow.refusal import Untranslatable

SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "myapp"}},
}


def _spec(**fields):
    return spec(task(step(), pod=PodTemplate(**fields)))


@pytest.mark.parametrize(
    ("field", "value", "key", "expected"),
    [
        ("node_selector", {"a": "b"}, "nodeSelector", {"a": "b"}),
        (
            "tolerations",
            ({"key": "gpu", "operator": "Exists"},),
            "tolerations",
            [{"key": "gpu", "operator": "Exists"}],
        ),
        ("affinity", {"podAffinity": {}}, "affinity", {"podAffinity": {}}),
        ("security_context", {"runAsUser": 1001}, "securityContext", {"runAsUser": 1001}),
        ("dns_policy", "Default", "dnsPolicy", "Default"),
        ("dns_config", {"nameservers": ["8.8.8.8"]}, "dnsConfig", {"nameservers": ["8.8.8.8"]}),
        ("priority_class_name", "high", "podPriorityClassName", "high"),
        ("scheduler_name", "volcano", "schedulerName", "volcano"),
        ("image_pull_secrets", ({"name": "s"},), "imagePullSecrets", [{"name": "s"}]),
        (
            "host_aliases",
            ({"ip": "::1", "hostnames": ["a"]},),
            "hostAliases",
            [{"ip": "::1", "hostnames": ["a"]}],
        ),
        ("host_network", False, "hostNetwork", False),
        ("automount_service_account_token", True, "automountServiceAccountToken", True),
    ],
)
def test_a_field_goes_where_the_workflow_has_it(field, value, key, expected):
    assert _spec(**{field: value})[key] == expected
    assert key not in _spec()


def test_what_the_workflow_has_no_field_for_goes_into_the_patch():
    found = _spec(
        runtime_class_name="runc", enable_service_links=False, topology_spread_constraints=(SPREAD,)
    )
    assert json.loads(found["podSpecPatch"]) == {
        "runtimeClassName": "runc",
        "enableServiceLinks": False,
        "topologySpreadConstraints": [SPREAD],
    }
    assert "podSpecPatch" not in _spec()


def test_without_a_token_the_executor_gets_an_account_of_its_own():
    found = _spec(automount_service_account_token=False)
    assert found["automountServiceAccountToken"] is False
    assert found["executor"] == {"serviceAccountName": "executor"}
    assert "executor" not in _spec(automount_service_account_token=True)


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("node_selector", {"{{k}}": "b"}, "podTemplate.nodeSelector.{{k}}"),
        ("runtime_class_name", "{{x}}", "podTemplate.runtimeClassName"),
        ("scheduler_name", "{{x}}", "podTemplate.schedulerName"),
        ("tolerations", ({"key": "{{x}}"},), "podTemplate.tolerations[0].key"),
        (
            "topology_spread_constraints",
            ({**SPREAD, "labelSelector": {"matchLabels": {"app": "{{x}}"}}},),
            "podTemplate.topologySpreadConstraints[0].labelSelector.matchLabels.app",
        ),
    ],
)
def test_text_that_argo_would_substitute_is_refused(field, value, path):
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(), pod=PodTemplate(**{field: value})))
    assert [(fault.path, fault.code) for fault in caught.value.faults] == [(path, "templated-text")]
