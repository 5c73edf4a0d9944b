import pytest

from tests.unit.workflow.sample_tasks import rendered, spec, step, task
from translator.task.model import PodTemplate
from translator.workflow.refusal import Untranslatable
from translator.workflow.volumes import shared_empty_dirs

EMPTY = {"name": "e", "emptyDir": {}}


def _mount(path, name="e"):
    return {"name": name, "mountPath": path}


def test_an_empty_dir_that_one_step_mounts_twice_is_not_shared():
    given = task(step("a", volume_mounts=(_mount("/1"), _mount("/2"))), step("b"), volumes=(EMPTY,))
    assert shared_empty_dirs(given) == []


def test_an_empty_dir_of_pod_template_can_be_shared_too():
    given = task(
        step("a", volume_mounts=(_mount("/1"),)),
        step("b"),
        step("c", volume_mounts=(_mount("/2"),)),
        pod=PodTemplate(volumes=(EMPTY,)),
    )
    (shared,) = shared_empty_dirs(given)
    assert (shared.name, shared.path, shared.steps) == ("e", "podTemplate.volumes[0]", ("a", "c"))


def test_volumes_of_task_and_pod_template_are_the_workflows():
    cache = {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}}
    assert spec(task(step(), volumes=(EMPTY,), pod=PodTemplate(volumes=(cache,))))["volumes"] == [
        EMPTY | {"emptyDir": {"sizeLimit": "20Gi"}},
        cache,
    ]


@pytest.mark.parametrize("path", ["/codo", "/codo/", "/codo/context", "/codo/script", "/usr/local/bin/codo"])
def test_what_we_mount_cannot_be_covered(path):
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(volume_mounts=(_mount(path),)), volumes=(EMPTY,)))
    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("taskSpec.steps[0].volumeMounts[0].mountPath", "reserved-name")


@pytest.mark.parametrize("name", ["codo-files", "codo-context", "var-run-argo", "argo-staging"])
def test_a_volume_cannot_have_the_name_of_one_of_ours_or_argos(name):
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(), volumes=({"name": name, "emptyDir": {}},)))
    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("taskSpec.volumes[0].name", "reserved-name")


def test_a_structure_that_kubernetes_would_refuse_is_refused_at_its_place():
    broken = {"name": "v", "nfs": {"server": "s", "path": ["not", "text"]}}
    with pytest.raises(Untranslatable) as caught:
        rendered(task(step(), volumes=(EMPTY, broken)))
    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("taskSpec.volumes[1].nfs.path", "bad-structure")
