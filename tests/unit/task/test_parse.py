"""Whole tasks: the seed's examples, defaults, blanks, positions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from translator.task.model import DEFAULT_STEP_TIMEOUT_NS
from translator.task.parse import parse_task
from translator.task.problem import Severity

HERE = Path(__file__).parents[2] / "data" / "seed"
SHARED = Path(__file__).parents[4] / "shared" / "seed"
FULL = (HERE / "example.full.yaml").read_text()
MIN = (HERE / "example.min.yaml").read_text()

COMMENTED = FULL[FULL.index("      #        securityContext:") : FULL.index("      # [可选] 挂载存储")]
UNCOMMENTED = FULL.replace(COMMENTED, COMMENTED.replace("      #        ", "      "))


def task(text, **given):
    parsed = parse_task(text, task_id="t", **given)
    assert parsed.task is not None, [p.text("f") for p in parsed.problems]
    return parsed.task


def one_step(extra="", head=""):
    spec = "taskSpec:\n  displayName: x\n  steps:\n    - name: a\n      image: alpine\n      script: echo\n"
    return f"{head}\n{spec}{extra}"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original seed is not beside this checkout")
@pytest.mark.parametrize("name", ["example.full.yaml", "example.min.yaml", "batch.json"])
def test_our_copies_are_the_seeds_files(name):
    assert (HERE / name).read_bytes() == (SHARED / name).read_bytes()


def test_the_small_example_has_no_problems():
    parsed = parse_task(MIN, task_id="t")
    assert parsed.problems == ()
    assert parsed.task is not None
    first, second, third = parsed.task.steps
    assert (first.name, first.timeout_ns, first.timeout_given) == ("step1", 10_000_000_000, True)
    assert first.script == '#!/bin/sh\necho "Hello World step1 FOO=$FOO"\n'
    assert (second.command, second.args, second.script) == (("codo",), ("set-context", "abc=123"), None)
    assert (third.timeout_ns, third.timeout_given) == (DEFAULT_STEP_TIMEOUT_NS, False)
    assert parsed.task.deadline_ns == 600 * 1_000_000_000


def test_the_full_example_warns_of_its_oddity_and_drops_it():
    parsed = parse_task(FULL, task_id="t")
    assert [(p.severity, p.line, p.column, p.code, p.path) for p in parsed.problems] == [
        (
            Severity.WARNING,
            124,
            9,
            "unknown-kubernetes-key",
            "podTemplate.topologySpreadConstraints[0].labelSelector.namespaces",
        )
    ]
    assert parsed.task is not None
    pod = parsed.task.pod
    assert pod.topology_spread_constraints[0]["labelSelector"] == {"matchLabels": {"app": "myapp"}}
    assert (pod.dns_policy, pod.priority_class_name, pod.host_aliases, pod.node_selector, pod.env) == (
        None,
        None,
        (),
        {},
        (),
    )
    assert (pod.runtime_class_name, pod.automount_service_account_token, pod.host_network) == (
        "runc",
        False,
        False,
    )
    assert pod.volumes == ({"name": "my-cache", "persistentVolumeClaim": {"claimName": "my-volume-claim"}},)
    assert parsed.task.volumes == ({"name": "my-volume", "emptyDir": {}},)
    assert parsed.task.compute_resources.requests == {"memory": "128Mi", "cpu": "60m"}
    assert parsed.task.description == "这是一份描述"
    assert parsed.task.timeout_ns == 600_000_000_000


def test_the_uncommented_security_context_warns_of_fs_group_and_drops_it():
    parsed = parse_task(UNCOMMENTED, task_id="t")
    assert [p.path.rpartition(".")[2] for p in parsed.problems] == ["namespaces", "fsGroup"]
    fault = parsed.problems[1]
    assert fault.severity is Severity.WARNING
    assert fault.hint == "fsGroup belongs in podTemplate.securityContext"
    assert parsed.task is not None
    assert parsed.task.steps[0].security_context == {
        "runAsUser": 1000,
        "runAsGroup": 3000,
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_nulls_and_empty_values_mean_not_set():
    text = one_step(
        extra='      env:\n      volumeMounts: null\n      workingDir: ""\n'
        '      onError: ""\n      imagePullPolicy:\n',
        head="computeResources: ~\npodTemplate:\n  env: [{name: ''}]\n  hostNetwork:\n  affinity: null\n"
        "  tolerations: []\n  imagePullSecrets: [{name: ''}]\n  dnsConfig: {nameservers: [''], searches: []}",
    )
    read = task(text)
    step = read.steps[0]
    assert (step.env, step.volume_mounts, step.working_dir, step.image_pull_policy) == ((), (), None, None)
    assert not step.on_error_continue
    assert read.pod == type(read.pod)()


def test_empty_mappings_inside_kubernetes_structures_stay():
    text = one_step(
        head="podTemplate:\n  affinity:\n    podAffinity:\n"
        "      requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {}, topologyKey: zone}]",
    )
    term = task(text).pod.affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
    assert term == {"labelSelector": {}, "topologyKey": "zone"}


def test_numbers_are_quantities_and_octal_modes_numbers():
    text = one_step(
        head="computeResources: {requests: {cpu: 0.5, memory: 1e6}, limits: {cpu: 2}}\n"
        "podTemplate: {volumes: [{name: v, configMap: {name: c, defaultMode: 0644}}]}",
    )
    read = task(text)
    assert read.compute_resources.requests == {"cpu": "0.5", "memory": "1e6"}
    assert read.compute_resources.limits == {"cpu": "2"}
    assert read.pod.volumes[0]["configMap"]["defaultMode"] == 0o644


def test_aliases_and_merge_keys_are_written_out():
    text = """
taskSpec:
  displayName: x
  steps:
    - &base
      name: a
      image: alpine
      script: &script echo
    - <<: *base
      name: b
      script: *script
    - {<<: [*base, {image: busybox, workingDir: /a}], name: c}
"""
    steps = task(text).steps
    assert [(s.name, s.image, s.script, s.working_dir) for s in steps] == [
        ("a", "alpine", "echo", None),
        ("b", "alpine", "echo", None),
        ("c", "alpine", "echo", "/a"),
    ]


def test_what_comes_with_the_task_yaml_is_kept():
    read = task(one_step(), agent_id="agent", namespace="team", timeout=60, params='{"n": 1.0}')
    assert (read.task_id, read.agent_id, read.namespace, read.args_timeout_s) == ("t", "agent", "team", 60)
    assert read.params == (("n", "1.0"),)
    assert read.deadline_ns == 60_000_000_000


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"timeout": 0}, "args.timeout", "out-of-range"),
        ({"timeout": -1}, "args.timeout", "out-of-range"),
        ({"timeout": True}, "args.timeout", "wrong-type"),
        ({"timeout": "60"}, "args.timeout", "wrong-type"),
        ({"timeout": 10**5000}, "args.timeout", "out-of-range"),
        ({"namespace": "A_b"}, "args.namespace", "bad-name"),
        ({"namespace": ""}, "args.namespace", "bad-name"),
        ({"params": "["}, "args.scriptParams", "bad-json"),
        ({"agent_id": "a\nb"}, "agentId", "bad-character"),
    ],
)
def test_faults_beside_the_task_yaml_are_at_its_first_character(given, path, code):
    parsed = parse_task(one_step(), task_id="t", **given)
    assert parsed.task is None
    assert [(p.path, p.code, p.line, p.column) for p in parsed.problems] == [(path, code, 1, 1)]


def test_problems_come_in_order_of_position_all_at_once():
    text = one_step(extra="      onError: x\n      timeout: 1\n", head="timeout: 0s\npodTemplate: {x: 1}")
    places = [(p.line, p.column) for p in parse_task(text, task_id="t").problems]
    assert places == [(1, 10), (2, 15), (9, 16), (10, 16)]


def test_a_warning_does_not_stop_the_task():
    parsed = parse_task(
        one_step(extra="      env: [{name: A, value: b}, {name: A, value: c}]\n"), task_id="t"
    )
    assert [(p.code, p.severity) for p in parsed.problems] == [("duplicate-env", Severity.WARNING)]
    assert parsed.task is not None


def test_locate_finds_the_value_or_its_nearest_ancestor():
    parsed = parse_task(MIN, task_id="t")
    assert parsed.locate("taskSpec.steps[1].command[0]") == (26, 18)
    assert parsed.locate("taskSpec.steps[1].computeResources.limits") == parsed.locate("taskSpec.steps[1]")
    assert parsed.locate("taskSpec.steps[99].name") == parsed.locate("taskSpec.steps")
    assert parsed.locate("nowhere") == parsed.locate("") == (2, 1)
    assert parsed.locate("args.timeout") == (1, 1)
    assert parse_task("[", task_id="t").locate("taskSpec") == (1, 1)


def test_place_makes_an_error_at_its_line():
    problem = parse_task(MIN, task_id="t").place("taskSpec.steps[0].image", "too old", "newer", "old-image")
    assert problem.text("f") == "f:18:14: error: taskSpec.steps[0].image: too old (newer)"


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ("      env: [{name: A, value: %s}]\n", "taskSpec.steps[0].env[0].value"),
        ("      script: ''\n      command: [echo, %s]\n", "taskSpec.steps[0].command[1]"),
        ("      script: ''\n      command: [echo]\n      args: [%s]\n", "taskSpec.steps[0].args[0]"),
    ],
)
def test_what_linux_would_not_start_is_an_error(extra, path):
    text = one_step().replace("      script: echo\n", "") + extra
    assert [
        p.path for p in parse_task(text % ("x" * 131_072), task_id="t").problems if p.code == "too-long"
    ] == [path]
    assert "too-long" not in {p.code for p in parse_task(text % ("x" * 131_000), task_id="t").problems}


def test_an_alias_with_an_unknown_kubernetes_key_is_mended_at_each_place():
    text = one_step(
        head="podTemplate:\n  securityContext: &s {runAsUser: 1, zz: 2}", extra="      securityContext: *s\n"
    )
    parsed = parse_task(text, task_id="t")
    assert [p.code for p in parsed.problems] == ["unknown-kubernetes-key"] * 2
    assert parsed.task is not None
    assert parsed.task.pod.security_context == parsed.task.steps[0].security_context == {"runAsUser": 1}


def test_the_spec_hash_tells_one_submission_from_another():
    text = "taskSpec: {displayName: d, steps: [{name: a, image: i, script: echo hi}]}\n"

    def spec_hash(text=text, **given):
        parsed = parse_task(text, task_id=given.pop("task_id", "t"), **given)
        assert parsed.task is not None
        return parsed.task.spec_hash

    same = spec_hash()
    assert spec_hash(params={}) == spec_hash(text.encode()) == same
    others = [
        spec_hash(text.replace("echo hi", "echo ho")),
        spec_hash(task_id="u"),
        spec_hash(agent_id="g"),
        spec_hash(namespace="n"),
        spec_hash(timeout=5),
        spec_hash(params={"a": "1"}),
        spec_hash(params='{"a": "2"}'),
    ]
    assert len({same, *others}) == 1 + len(others)


STEP_OF = "taskSpec: {{displayName: x, steps: [{{name: a, image: b, {}}}]}}"


def warnings_of(step):
    parsed = parse_task(STEP_OF.format(step), task_id="t")
    assert parsed.task is not None, parsed.problems
    return [(problem.code, problem.path) for problem in parsed.problems], parsed.task.steps[0]


@pytest.mark.parametrize(
    ("step", "warned"),
    [
        ('script: "echo one\\r\\nexit 0\\r\\n"', [("carriage-return", "taskSpec.steps[0].script")]),
        ('script: "#!/bin/sh -e -x\\necho"', [("shebang", "taskSpec.steps[0].script")]),
        ('script: "#!/usr/bin/env -S bash -e\\necho"', []),
        ('script: "#!/usr/bin/env bash\\necho"', []),
        ('script: "echo progress\\r"', []),
        ("script: env, env: [{name: 4K, value: x}]", [("new-env-name", "taskSpec.steps[0].env[0].name")]),
        ("script: env, env: [{name: a.b-c_D1, value: x}]", []),
    ],
)
def test_what_runs_otherwise_than_meant_is_a_warning(step, warned):
    assert warnings_of(step)[0] == warned


@pytest.mark.parametrize(
    "step",
    [
        'script: x, timeout: ""',
        "script: x, securityContext: {seccompProfile: {}, appArmorProfile: {}, capabilities: {drop: []}}",
        "script: x, volumeMounts: null",
    ],
)
def test_what_is_empty_is_not_set(step):
    found, read = warnings_of(step)
    assert found == []
    assert not read.timeout_given
    assert not {"seccompProfile", "appArmorProfile"} & read.security_context.keys()


def test_a_source_that_is_null_is_none():
    text = (
        "taskSpec: {displayName: x, volumes: [{name: v, emptyDir: {}, hostPath: null}], "
        "steps: [{name: a, image: b, script: x, env: [{name: A, valueFrom: "
        "{fieldRef: {fieldPath: metadata.name}, secretKeyRef: ~}}]}]}"
    )
    parsed = parse_task(text, task_id="t")
    assert parsed.task is not None, parsed.problems
    assert parsed.task.volumes == ({"name": "v", "emptyDir": {}},)


def test_a_mode_is_octal_and_a_plain_number():
    text = (
        "taskSpec: {displayName: x, steps: [{name: a, image: b, script: x}], "
        "volumes: [{name: m, configMap: {name: c, defaultMode: 0644}}]}"
    )
    task = parse_task(text, task_id="t").task
    assert task is not None
    mode = task.volumes[0]["configMap"]["defaultMode"]
    assert (mode, type(mode)) == (0o644, int)


def test_an_emoji_as_plain_json_writes_it():
    step = {"name": "a", "image": "b", "script": "𠮷 \\ud83d"}
    text = json.dumps({"taskSpec": {"displayName": "🚀", "steps": [step]}})
    assert "\\ud83d\\ude80" in text
    task = parse_task(text, task_id="t").task
    assert task is not None
    assert (task.display_name, task.steps[0].script) == ("🚀", "𠮷 \\ud83d")


def test_places_after_an_emoji_are_those_of_the_text():
    text = '{"taskSpec": {"displayName": "\\ud83d\\ude80\\ud83d\\ude80",\n "x\\ud83d\\ude80": 1, "y": 2}}'
    problems = parse_task(text, task_id="t").problems
    assert [(p.line, p.column) for p in problems if p.code == "unknown-key"] == [(2, 2), (2, 22)]
