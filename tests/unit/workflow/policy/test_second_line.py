"""What a translation rule would let slip is still caught in the Workflow; restricted is filled up."""

from __future__ import annotations

import copy
import json

import pytest

from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.policy.judge import judge_workflow
from translator.workflow.policy.model import Policy
from translator.workflow.refusal import PolicyViolation, Untranslatable
from translator.workflow.translate import translate

TEMPLATE = load_template()
RESTRICTED = Policy(level="restricted")
TEXT = """
taskSpec:
  displayName: x
  steps:
    - {name: a, image: alpine, script: echo}
    - {name: b, image: alpine, command: [codo, set-context, a=b]}
"""


def rendered(text=TEXT, policy=Policy(), template=TEMPLATE, **options):  # noqa: B008  # it is immutable
    task = parse_task(text, task_id="t").task
    return translate(task, attempt=1, options=Options(policy=policy, **options), template=template)


def with_spec(template, **fields):
    return {**template, "spec": {**template["spec"], **fields}}


def set_patch(**fields):
    def change(spec):
        spec["podSpecPatch"] = json.dumps(fields)

    return change


def set_on_step(**fields):
    def change(spec):
        step = next(each for each in spec["templates"] if each["name"] == "a")
        step["script"]["securityContext"] = fields

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda spec: spec.update(hostNetwork=True), "policy-host-namespaces"),
        (set_patch(hostPID=True), "policy-host-namespaces"),
        (set_patch(hostIPC=True), "policy-host-namespaces"),
        (set_patch(volumes=[{"name": "x", "hostPath": {"path": "/"}}]), "policy-host-path"),
        (
            set_patch(containers=[{"name": "main", "securityContext": {"privileged": True}}]),
            "policy-privileged",
        ),
        (set_patch(containers=[{"name": "main", "ports": [{"hostPort": 80}]}]), "policy-host-ports"),
        (set_patch(automountServiceAccountToken=True), "policy-service-account-token"),
        (lambda spec: spec.pop("automountServiceAccountToken"), "policy-service-account-token"),
        (
            set_patch(
                containers=[{"name": "main", "livenessProbe": {"httpGet": {"host": "169.254.169.254"}}}]
            ),
            "policy-host-probes",
        ),
        (
            set_patch(initContainers=[{"name": "init", "securityContext": {"privileged": True}}]),
            "policy-privileged",
        ),
        (set_on_step(privileged=True), "policy-privileged"),
        (set_on_step(capabilities={"add": ["BPF"]}), "policy-capabilities"),
        (
            lambda spec: spec["templates"][1].update(volumes=[{"name": "x", "hostPath": {"path": "/"}}]),
            "policy-host-path",
        ),
        (
            lambda spec: spec["templates"][1].update(
                sidecars=[{"name": "s", "securityContext": {"privileged": 1}}]
            ),
            "policy-privileged",
        ),
        (
            lambda spec: spec.update(templateDefaults={"securityContext": {"sysctls": [{"name": "vm.x"}]}}),
            "policy-sysctls",
        ),
    ],
)
def test_what_a_rule_lets_slip_is_caught_in_the_workflow(change, code):
    workflow = copy.deepcopy(dict(rendered().workflow))
    assert judge_workflow(workflow, Policy(), TEMPLATE, ["a", "b"]) == []
    change(workflow["spec"])
    faults = judge_workflow(workflow, Policy(), TEMPLATE, ["a", "b"])
    assert {fault.code for fault in faults} == {code}
    assert faults[0].path in ("taskSpec.steps[0]", "taskSpec.steps[1]")


@pytest.mark.parametrize("layout", ["dag", "pod"])
def test_restricted_is_filled_up_for_every_container(layout):
    spec = rendered(policy=RESTRICTED, layout=layout).workflow["spec"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    patch = json.loads(spec["podSpecPatch"])
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    for kind, name in (("initContainers", "init"), ("containers", "wait")):
        assert patch[kind] == [{"name": name, "securityContext": {**own, "runAsUser": 8737}}]
    processes = [
        process
        for template in spec["templates"]
        for process in (
            template.get("script"),
            template.get("container"),
            *template.get("containerSet", {}).get("containers", ()),
        )
        if process
    ]
    assert [process["securityContext"] for process in processes] == [own, own]


def test_what_the_task_says_stays_under_restricted():
    text = TEXT.replace(
        "script: echo",
        "script: echo, securityContext: {runAsUser: 7, capabilities: {add: [NET_BIND_SERVICE]}}",
    )
    text = "podTemplate: {securityContext: {runAsUser: 1001, fsGroup: 5}, enableServiceLinks: false}" + text
    spec = rendered(text, Policy(level="restricted", run_as_user=1000)).workflow["spec"]
    assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["fsGroup"]) == (1001, 5)
    assert next(t for t in spec["templates"] if t["name"] == "a")["script"]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        "runAsUser": 7,
    }
    patch = json.loads(spec["podSpecPatch"])
    assert patch["enableServiceLinks"] is False
    assert "runAsUser" not in patch["containers"][0]["securityContext"]


def test_a_user_of_the_policys_is_for_tasks_that_name_none():
    spec = rendered(policy=Policy(level="restricted", run_as_user=1000)).workflow["spec"]
    assert spec["securityContext"]["runAsUser"] == 1000


def test_the_operators_own_template_may_do_more_than_a_task():
    template = with_spec(
        TEMPLATE,
        hostNetwork=True,
        volumes=[{"name": "certificates", "hostPath": {"path": "/etc/ssl"}}],
        templates=[
            {"name": "clean-up", "container": {"image": "x", "securityContext": {"privileged": True}}}
        ],
        onExit="clean-up",
    )
    assert rendered(template=template).workflow["spec"]["hostNetwork"] is True


def test_a_task_cannot_merge_into_the_operators_volume():
    template = with_spec(TEMPLATE, volumes=[{"name": "v", "hostPath": {"path": "/"}}])
    text = TEXT.replace("displayName: x", "displayName: x\n  volumes: [{name: v, emptyDir: {}}]")
    with pytest.raises(Untranslatable) as caught:
        rendered(text, template=template)
    assert [(f.path, f.code) for f in caught.value.faults] == [("taskSpec.volumes[0].name", "reserved-name")]


def test_a_task_does_not_drop_the_operators_pod_spec_patch():
    template = with_spec(TEMPLATE, podSpecPatch="runtimeClassName: gvisor\ndnsPolicy: None\n")
    text = "podTemplate: {enableServiceLinks: true}\n" + TEXT
    patch = json.loads(rendered(text, template=template).workflow["spec"]["podSpecPatch"])
    assert patch == {"runtimeClassName": "gvisor", "dnsPolicy": "None", "enableServiceLinks": True}


def test_a_patch_that_cannot_be_joined_is_said():
    template = with_spec(TEMPLATE, podSpecPatch='{"containers": {{workflow.parameters.x}}}')
    assert rendered(template=template).workflow["spec"]["podSpecPatch"].endswith("x}}}")
    with pytest.raises(Untranslatable, match="cannot be joined"):
        rendered("podTemplate: {enableServiceLinks: true}\n" + TEXT, template=template)


def test_a_refusal_names_the_key_and_its_reason():
    with pytest.raises(PolicyViolation) as caught:
        rendered("podTemplate: {hostNetwork: true}\n" + TEXT)
    assert caught.value.reason == "PolicyViolation"
    assert "policy.level: privileged would allow it" in caught.value.message


def test_another_service_account_is_refused():
    with pytest.raises(PolicyViolation, match=r"service account default .*policy\.serviceAccounts") as caught:
        rendered(policy=Policy(service_accounts=("runner",)))
    assert caught.value.faults[0].code == "policy-service-account"
    rendered(policy=Policy(service_accounts=("runner",)), service_account="runner")
    rendered(
        policy=Policy(service_accounts=("runner",)), template=with_spec(TEMPLATE, serviceAccountName="runner")
    )
