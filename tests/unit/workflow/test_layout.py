import json

import pytest

from tests.unit.workflow.sample_tasks import rendered, spec, step, task
from translator.workflow.refusal import Untranslatable

MOUNT = ({"name": "work", "mountPath": "/w"},)
WORK = ({"name": "work", "emptyDir": {}},)
CACHE = ({"name": "work", "persistentVolumeClaim": {"claimName": "c"}},)


def _shared(volumes=WORK, **fields):
    return task(step("a", volume_mounts=MOUNT), step("b", volume_mounts=MOUNT, **fields), volumes=volumes)


def _layout(given, **options):
    root = spec(given, **options)["templates"][0]
    return "pod" if "containerSet" in root else "dag"


def _codes(given, **options):
    with pytest.raises(Untranslatable) as caught:
        rendered(given, **options)
    return [(fault.path, fault.code) for fault in caught.value.faults]


def test_a_step_has_a_pod_of_its_own_by_default():
    assert _layout(task(step("a"), step("b"))) == "dag"
    assert _layout(task(step("a", volume_mounts=MOUNT), step("b"), volumes=WORK)) == "dag"
    assert _layout(_shared(CACHE)) == "dag"


def test_steps_that_share_an_empty_dir_share_a_pod():
    assert _layout(_shared()) == "pod"
    assert _layout(_shared(), storage_class="fast") == "pod"


@pytest.mark.parametrize("fields", [{"timeout_given": True}, {"on_error_continue": True}])
def test_where_they_cannot_a_claim_takes_the_volumes_place(fields):
    found = spec(_shared(**fields), storage_class="fast", shared_volume_size="3Gi")
    (claim,) = found["volumeClaimTemplates"]
    assert claim["metadata"] == {"name": "work"}
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"] == {"requests": {"storage": "3Gi"}}
    assert "volumes" not in found


@pytest.mark.parametrize("fields", [{"timeout_given": True}, {"on_error_continue": True}])
def test_without_a_storage_class_it_is_refused(fields):
    assert _codes(_shared(**fields)) == [("taskSpec.volumes[0]", "shared-volume")]


def test_a_step_named_as_argos_own_container_gets_another_name():
    given = task(step("wait", volume_mounts=MOUNT), step("b", volume_mounts=MOUNT), volumes=WORK)
    (root,) = spec(given)["templates"]
    made, other = (container["name"] for container in root["containerSet"]["containers"])
    assert made.startswith("wait-")
    assert other == "b"


def test_the_layout_dag_is_kept_when_asked_for():
    assert _layout(_shared(), layout="dag", storage_class="fast") == "dag"
    assert _codes(_shared(), layout="dag") == [("taskSpec.volumes[0]", "shared-volume")]


def test_the_layout_pod_is_refused_step_by_step():
    given = task(step("a", timeout_given=True), step("wait", on_error_continue=True))
    assert _codes(given, layout="pod") == [
        ("taskSpec.steps[0].timeout", "pod-layout"),
        ("taskSpec.steps[1].onError", "pod-layout"),
    ]
    assert _layout(task(step("a"), step("b")), layout="pod") == "pod"


def test_containers_wait_for_the_one_before():
    (root,) = spec(task(step("a"), step("b"), step("c")), layout="pod")["templates"]
    containers = root["containerSet"]["containers"]
    assert [(c["name"], c.get("dependencies")) for c in containers] == [
        ("a", None),
        ("b", ["a"]),
        ("c", ["b"]),
    ]
    assert [c["args"] for c in containers] == [["/codo/script"]] * 3


def test_names_that_argo_does_not_take_are_made_and_the_persons_are_kept():
    given = task(
        step("0"), step("checkout code"), step("拉取代码"), step("Step_1"), step("step 1"), step("ok")
    )
    workflow = rendered(given, layout="dag").workflow
    root = next(t for t in workflow["spec"]["templates"] if "dag" in t)
    made = [node["name"] for node in root["dag"]["tasks"]]
    originals = json.loads(workflow["metadata"]["annotations"]["codo.dev/step-names"])
    assert [originals.get(name, name) for name in made] == [step.name for step in given.steps]
    assert root["dag"]["target"] == " ".join(made)
    labels = [
        t["metadata"]["labels"]["codo.dev/step"] for t in workflow["spec"]["templates"] if "dag" not in t
    ]
    assert labels == made
    assert (
        "codo.dev/step-names"
        not in rendered(task(step("0")), layout="dag").workflow["metadata"]["annotations"]
    )
