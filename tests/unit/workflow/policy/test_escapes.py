"""Attempts to get out: each is refused with its code, at its place (the mark ^ before it in the text)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.policy.model import Policy
from translator.workflow.refusal import Untranslatable, placed
from translator.workflow.translate import check, translate

TEMPLATE = load_template()
RESTRICTED = Policy(level="restricted")
PRIVILEGED = Policy(level="privileged")
MARK = "^"


def document(pod: str = "", spec: str = "", step: str = "", name: str = "a", image: str = "alpine") -> str:
    """A taskYaml with these lines in podTemplate, taskSpec and the only step."""

    def lines(text: str, indent: str) -> str:
        return "".join(f"{indent}{line}\n" for line in text.splitlines())

    if "script:" not in step and "command:" not in step:
        step = f"script: echo\n{step}"
    return (
        (f"podTemplate:\n{lines(pod, '  ')}" if pod else "")
        + f"taskSpec:\n  displayName: x\n{lines(spec, '  ')}"
        + f"  steps:\n    - name: {name}\n      image: {image}\n{lines(step, '      ')}"
    )


def volume(kind: str) -> dict[str, str]:
    return {"spec": f"volumes:\n  - name: v\n    {kind}"}


def claimed(template: str) -> str:
    return f"ephemeral: {{volumeClaimTemplate: {template}}}"


def context(text: str) -> dict[str, str]:
    return {"step": f"securityContext: {text}"}


ATTEMPTS: list[tuple[str, str, dict[str, str], Policy | None]] = [
    # the node's namespaces
    ("host network", "policy-host-namespaces", {"pod": "hostNetwork: ^true"}, None),
    ("host network, spelt yes", "policy-host-namespaces", {"pod": "hostNetwork: ^yes"}, None),
    ("host network, with a tag", "policy-host-namespaces", {"pod": 'hostNetwork: ^!!bool "on"'}, None),
    ("host network as text", "wrong-type", {"pod": 'hostNetwork: ^"true"'}, None),
    ("host PIDs", "unknown-key", {"pod": "^hostPID: true"}, None),
    ("host IPC", "unknown-key", {"pod": "^hostIPC: true"}, None),
    ("a node by name", "unknown-key", {"pod": "^nodeName: master"}, None),
    # identities
    ("another service account", "policy-service-account-token", {"pod": "serviceAccountName: ^admin"}, None),
    (
        "another one, without its token",
        "policy-service-account-token",
        {"pod": "serviceAccountName: ^admin\nautomountServiceAccountToken: false"},
        Policy(service_account_tokens=("runner",)),
    ),
    (
        "an account that may not run",
        "policy-service-account",
        {"pod": "serviceAccountName: ^admin"},
        Policy(service_accounts=("runner",), service_account_tokens=("*",)),
    ),
    (
        "the executor's account",
        "policy-service-account-token",
        {"pod": "serviceAccountName: ^executor"},
        Policy(service_account_tokens=("*",)),
    ),
    (
        "the service's account",
        "policy-service-account-token",
        {"pod": "serviceAccountName: ^translator"},
        Policy(service_account_tokens=("*",)),
    ),
    (
        "the default account's token",
        "policy-service-account-token",
        {"pod": "automountServiceAccountToken: ^true"},
        None,
    ),
    (
        "the default account's token, projected",
        "policy-service-account-token",
        volume("projected: {sources: [{serviceAccountToken: ^{path: t}}]}"),
        Policy(volumes=("*",)),
    ),
    ("a podSpecPatch", "unknown-key", {"pod": "^podSpecPatch: '{}'"}, None),
    ("an init container", "unknown-key", {"pod": "^initContainers: []"}, None),
    ("a host port", "unknown-key", {"step": "^ports: [{hostPort: 80}]"}, None),
    ("an envFrom", "unknown-key", {"step": "^envFrom: [{secretRef: {name: s}}]"}, None),
    ("a lifecycle hook", "unknown-key", {"step": "^lifecycle: {postStart: {exec: {command: [x]}}}"}, None),
    # hostPath
    (
        "hostPath in podTemplate",
        "policy-host-path",
        {"pod": "volumes:\n  - name: v\n    hostPath: ^{path: /}"},
        None,
    ),
    ("hostPath in taskSpec", "policy-host-path", volume("hostPath: ^{path: /etc}"), None),
    (
        "hostPath behind blanks",
        "policy-host-path",
        {"pod": 'volumes:\n  - {name: ""}\n  -\n  - {}\n  - name: v\n    hostPath: ^{path: /}'},
        None,
    ),
    (
        "hostPath beside a null source",
        "policy-host-path",
        volume("emptyDir:\n    hostPath: ^{path: /}"),
        None,
    ),
    ("hostPath beside another source", "one-source", volume("emptyDir: {}\n    hostPath: ^{path: /}"), None),
    (
        "hostPath in capitals",
        "unknown-kubernetes-key",
        volume("emptyDir: {}\n    ^HostPath: {path: /}"),
        None,
    ),
    (
        "hostPath by a merge key",
        "policy-host-path",
        {"spec": "volumes:\n  - &v\n    name: v\n    hostPath: ^{path: /}\n  - {<<: *v, name: w}"},
        None,
    ),
    (
        "hostPath by an alias",
        "policy-host-path",
        {"pod": "volumes:\n  - {name: v, hostPath: ^&h {path: /}}\n  - {name: w, hostPath: *h}"},
        None,
    ),
    (
        "hostPath twice, the second blank",
        "duplicate-key",
        volume("hostPath: {path: /}\n    ^hostPath: null"),
        None,
    ),
    ("hostPath though level is privileged", "policy-volume-kind", volume("hostPath: ^{path: /}"), PRIVILEGED),
    # other volumes
    ("a flexVolume driver", "policy-volume-kind", volume("flexVolume: ^{driver: x/y}"), None),
    ("a gitRepo", "policy-volume-kind", volume('gitRepo: ^{repository: "-u"}'), None),
    ("iSCSI", "policy-volume-kind", volume("iscsi: ^{targetPortal: x, iqn: y, lun: 0}"), None),
    (
        "a service account token",
        "policy-volume-kind",
        volume("projected: {sources: [{serviceAccountToken: ^{path: t, audience: vault}}]}"),
        None,
    ),
    (
        "a pod certificate",
        "policy-volume-kind",
        volume("projected: {sources: [{podCertificate: ^{keyType: ED25519, signerName: a/b}}]}"),
        None,
    ),
    ("nfs under restricted", "policy-volume-types", volume("nfs: ^{server: s, path: /}"), RESTRICTED),
    (
        "csi where it is not allowed",
        "policy-volume-kind",
        volume("csi: ^{driver: d}"),
        Policy(volumes=("emptyDir",)),
    ),
    (
        "an ephemeral volume where it is not allowed",
        "policy-volume-kind",
        volume("ephemeral: ^{volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce]}}}"),
        Policy(volumes=("emptyDir",)),
    ),
    (
        "an image volume from elsewhere",
        "policy-registry",
        volume("image: {reference: ^evil.example/x}"),
        Policy(registries=("docker.io",)),
    ),
    (
        "an emptyDir as large as the node",
        "policy-empty-dir-size",
        volume("emptyDir: {sizeLimit: ^21Gi}"),
        None,
    ),
    (
        "a claim as large as the store",
        "policy-claim-size",
        volume(claimed("{spec: {resources: {requests: {storage: ^101Gi}}}}")),
        None,
    ),
    ("somebody's volume", "policy-volume-name", volume(claimed("{spec: {volumeName: ^theirs}}")), None),
    (
        "somebody's volume by its labels",
        "policy-volume-name",
        volume(claimed("{spec: {selector: ^{matchLabels: {a: b}}}}")),
        None,
    ),
    (
        "another storage class",
        "policy-storage-class",
        volume(claimed("{spec: {storageClassName: ^fast}}")),
        Policy(storage_classes=("slow",)),
    ),
    (
        "a claim that says it is bound",
        "policy-claim-annotation",
        volume(claimed("{metadata: {annotations: {pv.kubernetes.io/bind-completed: ^'yes'}}, spec: {}}")),
        None,
    ),
    (
        "a claim on a node of its choice",
        "policy-claim-annotation",
        volume(claimed("{metadata: {annotations: {volume.kubernetes.io/selected-node: ^n}}, spec: {}}")),
        None,
    ),
    # the nodes of the control plane
    (
        "tolerating the control plane",
        "policy-toleration",
        {"pod": "tolerations: [{key: ^node-role.kubernetes.io/control-plane, operator: Exists}]"},
        None,
    ),
    (
        "tolerating it by its old name",
        "policy-toleration",
        {"pod": "tolerations: [{key: ^node-role.kubernetes.io/master, effect: NoSchedule}]"},
        None,
    ),
    ("tolerating all", "policy-toleration", {"pod": "tolerations: [^{operator: Exists}]"}, None),
    (
        "a node of the control plane",
        "policy-node-selector",
        {"pod": 'nodeSelector: {node-role.kubernetes.io/control-plane: ^"x"}'},
        None,
    ),
    (
        "the same by affinity",
        "policy-node-selector",
        {
            "pod": "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "{nodeSelectorTerms: [{matchExpressions: "
            "[{key: ^node-role.kubernetes.io/control-plane, operator: Exists}]}]}}}"
        },
        None,
    ),
    (
        "the same by preference, and a field",
        "policy-node-selector",
        {
            "pod": "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: "
            "[{weight: 1, preference: {matchFields: "
            "[{key: ^metadata.name, operator: In, values: [cp-1]}]}}]}}"
        },
        Policy(node_selectors=("*", "!metadata.name")),
    ),
    # containers
    ("privileged", "policy-privileged", context("{privileged: ^true}"), None),
    ("SYS_ADMIN", "policy-capabilities", context("{capabilities: {add: [KILL, ^SYS_ADMIN]}}"), None),
    ("ALL capabilities", "policy-capabilities", context("{capabilities: {add: [^ALL]}}"), None),
    (
        "a capability in small letters",
        "policy-capabilities",
        context("{capabilities: {add: [^sys_admin]}}"),
        None,
    ),
    ("a capability with CAP_", "policy-capabilities", context("{capabilities: {add: [^CAP_CHOWN]}}"), None),
    ("procMount", "policy-proc-mount", context("{procMount: ^Unmasked}"), None),
    ("seccomp of the step", "policy-seccomp", context("{seccompProfile: {type: ^Unconfined}}"), None),
    (
        "seccomp of the pod",
        "policy-seccomp",
        {"pod": "securityContext: {seccompProfile: {type: ^Unconfined}}"},
        None,
    ),
    ("AppArmor", "policy-apparmor", context("{appArmorProfile: {type: ^Unconfined}}"), None),
    ("an SELinux type", "policy-selinux", context("{seLinuxOptions: {type: ^spc_t}}"), None),
    (
        "an SELinux user",
        "policy-selinux",
        {"pod": "securityContext: {seLinuxOptions: {user: ^system_u}}"},
        None,
    ),
    (
        "a HostProcess container",
        "policy-host-process",
        {"pod": "securityContext: {windowsOptions: {hostProcess: ^true}}"},
        None,
    ),
    (
        "a sysctl",
        "policy-sysctls",
        {"pod": "securityContext: {sysctls: [{name: ^kernel.core_pattern, value: '|/x'}]}"},
        None,
    ),
    (
        "a sysctl with slashes",
        "policy-sysctls",
        {"pod": "securityContext: {sysctls: [{name: ^kernel/shm_rmid_forced, value: '1'}]}"},
        None,
    ),
    # restricted
    ("root by the pod", "policy-run-as-user", {"pod": "securityContext: {runAsUser: ^0}"}, RESTRICTED),
    ("root by the step", "policy-run-as-user", context("{runAsUser: ^0}"), RESTRICTED),
    ("root not excluded", "policy-run-as-non-root", context("{runAsNonRoot: ^false}"), RESTRICTED),
    (
        "more rights than the parent",
        "policy-privilege-escalation",
        context("{allowPrivilegeEscalation: ^true}"),
        RESTRICTED,
    ),
    (
        "a capability that baseline allows",
        "policy-capabilities",
        context("{capabilities: {add: [^CHOWN]}}"),
        RESTRICTED,
    ),
    ("dropping only some", "policy-capabilities", context("{capabilities: {drop: ^[KILL]}}"), RESTRICTED),
    # names of others
    (
        "a Secret of another task",
        "reserved-name",
        {"pod": "env: [{name: X, valueFrom: {secretKeyRef: {name: ^task-0123456789ab-a1-x, key: k}}}]"},
        None,
    ),
    (
        "the files of another task",
        "reserved-name",
        volume("configMap: {name: ^task-0123456789ab-a12-files}"),
        PRIVILEGED,
    ),
    (
        "the claim of another task",
        "reserved-name",
        volume("persistentVolumeClaim: {claimName: ^task-x-0123456789ab-a1-data}"),
        None,
    ),
    (
        "a copy of another task's claim",
        "reserved-name",
        volume(
            "ephemeral: {volumeClaimTemplate: {spec: {dataSource: "
            "{kind: PersistentVolumeClaim, name: ^task-x-0123456789ab-a1-data}}}}"
        ),
        None,
    ),
    (
        "the executor's token",
        "policy-secret",
        volume("secret: {secretName: ^executor.service-account-token}"),
        None,
    ),
    (
        "the executor's token, projected",
        "policy-secret",
        volume("projected: {sources: [{secret: {name: ^executor.service-account-token}}]}"),
        None,
    ),
    (
        "a Secret that is not allowed",
        "policy-secret",
        {"pod": "imagePullSecrets: [{name: ^theirs}]"},
        Policy(secrets=("mine-*",)),
    ),
    (
        "a csi driver's Secret",
        "policy-secret",
        volume("csi: {driver: d, nodePublishSecretRef: {name: ^theirs}}"),
        Policy(secrets=("mine-*",)),
    ),
    (
        "a ConfigMap that is not allowed",
        "policy-config-map",
        {"pod": "env: [{name: X, valueFrom: {configMapKeyRef: {name: ^theirs, key: k}}}]"},
        Policy(config_maps=()),
    ),
    ("a system priority", "policy-priority-class", {"pod": "priorityClassName: ^system-node-critical"}, None),
    (
        "an image from elsewhere",
        "policy-registry",
        {"image": "^evil.example/docker.io/library/alpine"},
        Policy(registries=("docker.io/library",)),
    ),
    (
        "an image that looks like the registry",
        "policy-registry",
        {"image": "^registry.example.evil.example/x"},
        Policy(registries=("registry.example",)),
    ),
    (
        "an image with the registry as its tag",
        "policy-registry",
        {"image": "^registry.example:5000"},
        Policy(registries=("registry.example:5000",)),
    ),
    (
        "an image below another path",
        "policy-registry",
        {"image": "^registry.example/team2/x"},
        Policy(registries=("registry.example/team",)),
    ),
    # names of Argo's and ours
    (
        "a volume like the executor's token",
        "reserved-name",
        {"spec": "volumes: [{name: ^exec-sa-token, emptyDir: {}}]"},
        None,
    ),
    (
        "a volume like Argo's",
        "reserved-name",
        {"spec": "volumes: [{name: ^var-run-argo, emptyDir: {}}]"},
        None,
    ),
    (
        "a volume like the default token's",
        "reserved-name",
        {"pod": "volumes: [{name: ^kube-api-access-x, emptyDir: {}}]"},
        None,
    ),
    ("a volume like ours", "reserved-name", {"spec": "volumes: [{name: ^codo-files, emptyDir: {}}]"}, None),
    (
        "a mount over Argo's executor",
        "reserved-name",
        {
            "spec": "volumes: [{name: v, emptyDir: {}}]",
            "step": "volumeMounts: [{name: v, mountPath: ^/var/run/argo}]",
        },
        None,
    ),
    (
        "a mount over it by a detour",
        "reserved-name",
        {
            "spec": "volumes: [{name: v, emptyDir: {}}]",
            "step": "volumeMounts: [{name: v, mountPath: ^/var/../var//run/argo/}]",
        },
        None,
    ),
    (
        "a mount over codo by a detour",
        "reserved-name",
        {
            "spec": "volumes: [{name: v, emptyDir: {}}]",
            "step": "volumeMounts: [{name: v, mountPath: ^//usr/local/./bin/codo}]",
        },
        None,
    ),
    (
        "a mount of a volume that is not declared",
        "unknown-volume",
        {"step": "volumeMounts: [{name: ^exec-sa-token, mountPath: /t}]"},
        None,
    ),
    (
        "a variable of Argo's executor",
        "reserved-name",
        {"step": "env: [{name: ^ARGO_TEMPLATE, value: '{}'}]"},
        None,
    ),
    (
        "another one, for all steps",
        "reserved-name",
        {"pod": "env: [{name: ^ARGO_INCLUDE_SCRIPT_OUTPUT, value: 'true'}]"},
        None,
    ),
    ("a variable of ours", "reserved-name", {"step": "env: [{name: ^CODO_BRACE, value: '{{'}]"}, None),
    (
        "our labels on a claim",
        "reserved-name",
        volume("ephemeral: {volumeClaimTemplate: {metadata: {labels: {codo.dev/task-id: ^x}}, spec: {}}}"),
        None,
    ),
    (
        "Argo's labels on a claim",
        "reserved-name",
        volume(
            "ephemeral: {volumeClaimTemplate: {metadata: {labels: {workflows.argoproj.io/workflow: ^x}}, "
            "spec: {}}}"
        ),
        None,
    ),
    # Argo's and Kubernetes' templates in plain text
    ("a template in the image", "bad-image", {"image": '^"{{workflow.name}}"'}, None),
    ("a template in workingDir", "templated-text", {"step": 'workingDir: ^"/{{=1}}"'}, None),
    (
        "a template in a mount path",
        "templated-text",
        {
            "spec": "volumes: [{name: v, emptyDir: {}}]",
            "step": 'volumeMounts: [{name: v, mountPath: ^"/{{pod.name}}"}]',
        },
        None,
    ),
    (
        "a template in subPath",
        "templated-text",
        {
            "spec": "volumes: [{name: v, emptyDir: {}}]",
            "step": 'volumeMounts: [{name: v, mountPath: /v, subPath: ^"{{pod.name}}"}]',
        },
        None,
    ),
    (
        "a template in subPathExpr",
        "templated-text",
        {
            "spec": "volumes: [{name: v, emptyDir: {}}]",
            "step": 'volumeMounts: [{name: v, mountPath: /v, subPathExpr: ^"{{pod.name}}$(X)"}]',
        },
        None,
    ),
    (
        "a template in a variable's name",
        "templated-text",
        {"step": 'env: [{name: ^"{{x}}", value: a}]'},
        None,
    ),
    (
        "a template in a key reference",
        "templated-text",
        {"step": 'env: [{name: X, valueFrom: {secretKeyRef: {name: s, key: ^"{{workflow.uid}}"}}}]'},
        None,
    ),
    (
        "a template in a toleration",
        "templated-text",
        {"pod": 'tolerations: [{key: ^"{{=1}}", operator: Exists}]'},
        None,
    ),
    ("a template in a node selector", "bad-name", {"pod": 'nodeSelector: {a: ^"{{x}}"}'}, None),
    (
        "a template in the DNS options",
        "templated-text",
        {"pod": 'dnsConfig: {options: [{name: ^"{{x}}"}]}'},
        None,
    ),
    ("a template in the DNS searches", "templated-text", {"pod": 'dnsConfig: {searches: [^"{{x}}"]}'}, None),
    (
        "a template in a host alias",
        "bad-name",
        {"pod": 'hostAliases: [{ip: 1.1.1.1, hostnames: [^"{{x}}"]}]'},
        None,
    ),
    (
        "a template in a topology key",
        "templated-text",
        {
            "pod": 'topologySpreadConstraints: [{topologyKey: ^"{{x}}", maxSkew: 1, '
            "whenUnsatisfiable: DoNotSchedule}]"
        },
        None,
    ),
    (
        "a template in the affinity",
        "templated-text",
        {
            "pod": "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "{nodeSelectorTerms: "
            '[{matchExpressions: [{key: a, operator: In, values: [^"{{x}}"]}]}]}}}'
        },
        None,
    ),
    (
        "JSON that breaks out of podSpecPatch",
        "bad-name",
        {"pod": """runtimeClassName: ^'runc","hostPID":true,"x":"'"""},
        None,
    ),
    ("a scheduler's name with a template", "bad-name", {"pod": "schedulerName: ^'{{x}}'"}, None),
    ("a step's name with a line break", "bad-name", {"name": '^"a\\n  hostNetwork: true"'}, None),
    # limits
    ("too many steps", "policy-steps", {}, Policy(max_steps=0)),
    ("too much time", "policy-deadline", {}, Policy(max_deadline_s=60)),
    (
        "too much memory",
        "policy-resources",
        {"step": "computeResources: {limits: {memory: ^8Gi}}"},
        Policy(step_resources={"memory": "4096Mi"}),
    ),
    (
        "too much of a device",
        "policy-resources",
        {"step": 'computeResources: {limits: {nvidia.com/gpu: ^"2"}}'},
        Policy(task_resources={"nvidia.com/gpu": "1"}),
    ),
]

ARGS: list[tuple[str, str, dict[str, Any], Policy]] = [
    ("a system namespace", "policy-namespace", {"namespace": "kube-system"}, Policy()),
    ("a namespace that is not allowed", "policy-namespace", {"namespace": "b"}, Policy(namespaces=("a",))),
    ("a namespace with a path", "bad-name", {"namespace": "a/../kube-system"}, Policy()),
    ("a namespace with a template", "bad-name", {"namespace": "{{x}}"}, Policy()),
    ("a namespace with a line break", "bad-name", {"namespace": "default\n"}, Policy()),
    ("a taskId with a line break", "bad-character", {"task_id": "a\nlabels: b"}, Policy()),
    ("an endless taskId", "too-long", {"task_id": "a" * 254}, Policy()),
    ("an agentId with NUL", "bad-character", {"agent_id": "a\0"}, Policy()),
    ("a param's name with a template", "templated-text", {"params": {"{{workflow.name}}": "1"}}, Policy()),
    ("a param's name with a line break", "bad-param-name", {"params": {"a\nb": "1"}}, Policy()),
    ("a param's name with =", "bad-param-name", {"params": {"A=B": "1"}}, Policy()),
]


def problems(text: str, policy: Policy, **args: Any) -> list[tuple[str, int, int]]:
    """What is said of a task: code, line, column."""
    parsed = parse_task(text, **{"task_id": "t", **args})
    found = parsed.problems
    if parsed.task is not None:
        options = Options(policy=policy)
        for judged in (check, lambda task, **rest: translate(task, attempt=1, **rest)):
            try:
                judged(parsed.task, options=options, template=TEMPLATE)
            except Untranslatable as error:
                found = placed(parsed, error.faults)
    return [(problem.code, problem.line, problem.column) for problem in found]


@pytest.mark.parametrize(
    ("code", "parts", "policy"), [pytest.param(*rest, id=name) for name, *rest in ATTEMPTS]
)
def test_an_attempt_is_refused_at_its_place(code, parts, policy):
    text = document(**parts)
    before, mark, after = text.partition(MARK)
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = problems(before + after, policy or Policy())
    if mark:
        assert (code, line, column) in found
    else:
        assert code in [each[0] for each in found]


@pytest.mark.parametrize(("code", "args", "policy"), [pytest.param(*rest, id=name) for name, *rest in ARGS])
def test_an_attempt_beside_the_task_is_refused(code, args, policy):
    assert (code, 1, 1) in problems(document(), policy, **args)


def test_there_are_enough_attempts():
    assert len(ATTEMPTS) + len(ARGS) >= 110


HOSTILE = 'a"}\',"hostPID":true,{{workflow.name}}{{=1+1}}$(ARGO_POD_NAME)$$\\u007b\\u007b{{{{ }}'


@pytest.mark.parametrize(
    "parts",
    [
        {"spec": "description: HOSTILE"},
        {"step": "script: HOSTILE"},
        {"step": "command: [HOSTILE]\nargs: [HOSTILE, HOSTILE]"},
        {"step": "env: [{name: X, value: HOSTILE}]"},
        {"pod": "env: [{name: X, value: HOSTILE}]"},
        {
            "pod": "enableServiceLinks: false\nruntimeClassName: runc",
            "step": "env: [{name: X, value: HOSTILE}]",
        },
        {},
    ],
)
@pytest.mark.parametrize("policy", [PRIVILEGED, Policy(), RESTRICTED], ids=lambda policy: policy.level)
def test_text_that_is_taken_becomes_no_template_and_no_key(parts, policy):
    text = (
        document(**parts)
        .replace("HOSTILE", json.dumps(HOSTILE))
        .replace("displayName: x", f"displayName: {json.dumps(HOSTILE)}")
    )
    parsed = parse_task(text, task_id=HOSTILE, agent_id=HOSTILE, params={"x": HOSTILE})
    rendered = translate(parsed.task, attempt=1, options=Options(policy=policy), template=TEMPLATE)
    spec = rendered.workflow["spec"]
    assert "{{" not in json.dumps(spec)
    assert "hostPID" not in json.loads(spec.get("podSpecPatch", "{}"))
    labels = rendered.workflow["metadata"]["labels"] | spec["podMetadata"]["labels"]
    assert all(set(value) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for value in labels.values())


@pytest.mark.parametrize("policy", [Policy(), RESTRICTED], ids=lambda policy: policy.level)
@pytest.mark.parametrize("name", ["example.min.yaml", "example.full.yaml"])
def test_the_seeds_are_allowed(name, policy):
    text = (Path(__file__).parents[3] / "data" / "seed" / name).read_text()
    assert not [code for code, _, _ in problems(text, policy) if code != "unknown-kubernetes-key"]
