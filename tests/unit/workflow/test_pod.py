import json

import pytest

from tests.unit.workflow.sample_tasks import rendered, spec, step, task
from translator.task.model import PodTemplate
from translator.workflow.policy.model import Policy
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


@pytest.mark.parametrize(
    ("fields", "options", "mounts", "account"),
    [
        ({}, {}, False, None),
        ({"automount_service_account_token": False}, {"service_account": "job"}, False, "job"),
        ({"automount_service_account_token": True}, {"service_account": "job"}, True, "job"),
        ({"service_account_name": "own"}, {"service_account": "job"}, True, "own"),
        ({"service_account_name": "own", "automount_service_account_token": False}, {}, False, "own"),
    ],
)
@pytest.mark.parametrize("layout", ["dag", "pod"])
def test_the_executor_alone_has_a_token_unless_the_task_may_have_one(
    fields, options, mounts, account, layout
):
    policy = Policy(service_account_tokens=("*",))
    given = task(step(), pod=PodTemplate(**fields))
    found = rendered(given, policy=policy, layout=layout, **options).workflow["spec"]
    assert found["automountServiceAccountToken"] is mounts
    assert found.get("serviceAccountName") == account
    assert found["executor"] == {"serviceAccountName": "executor"}


def test_an_operator_s_template_may_give_every_step_the_token():
    template = {"spec": {"automountServiceAccountToken": True}}
    assert rendered(task(step()), template=template).workflow["spec"]["automountServiceAccountToken"] is True
    given = task(step(), pod=PodTemplate(automount_service_account_token=False))
    assert rendered(given, template=template).workflow["spec"]["automountServiceAccountToken"] is False


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
