import pytest

from tests.unit.workflow.sample_tasks import rendered, spec, step, task, template_of
from translator.workflow.codo import FOREIGN, OVER, PATTERN
from translator.workflow.context import CODO_PATH, FILE, arguments, limit, wanted
from translator.workflow.options import Options


@pytest.mark.parametrize(
    ("fields", "mentions"),
    [
        ({"script": "codo get-context a"}, True),
        ({"script": 'x="$(codo get-context a)"'}, True),
        ({"script": "/usr/local/bin/codo"}, True),
        ({"script": "subprocess.run(['codo'])"}, True),
        ({"command": ("codo",)}, True),
        ({"command": ("sh", "-c"), "args": ("codo get-context a",)}, True),
        ({"script": "echo $codo_abc codon decodo"}, False),
        ({"command": ("echo",)}, False),
    ],
)
def test_codo_is_there_where_a_step_mentions_it(fields, mentions):
    given = task(step("first"), step("second", **fields))
    assert wanted(given, Options()) is mentions
    assert wanted(given, Options(codo="always"))
    assert not wanted(given, Options(codo="never"))


@pytest.mark.parametrize(("steps", "size"), [(1, 32768), (8, 32768), (9, 29127), (100, 2621), (1000, 262)])
def test_the_limit_is_shared_by_the_steps(steps, size):
    assert limit(steps) == size


def _value(steps, index):
    return arguments(steps, index).parameters[0].value


def test_the_first_step_gets_no_context():
    assert arguments((step("a"), step("b")), 0) is None


def test_the_chain_goes_back_to_the_nearest_step_that_ends_the_task_when_it_fails():
    steps = (
        step("a"),
        step("b"),
        step("c", on_error_continue=True),
        step("d", on_error_continue=True),
        step("e"),
    )
    assert _value(steps, 2) == (
        "{{=let left = tasks['b'].outputs?.parameters?.context ?? ''; "
        f"len(left) > 32768 ? '{OVER}' : (left matches '{PATTERN}' ? left : '{FOREIGN}')}}}}"
    )
    chain = " ?? ".join(f"tasks['{name}'].outputs?.parameters?.context" for name in "dcb")
    assert _value(steps, 4).startswith(f"{{{{=let left = {chain} ?? ''; len(left) > 32768 ? ")


def test_the_chain_has_an_end():
    steps = tuple(step(f"s{n}", on_error_continue=True) for n in range(100))
    assert _value(steps, 99).count("??") == 20
    assert "tasks['s98']" in _value(steps, 99)


def test_a_step_that_wrote_nothing_leaves_what_it_got():
    (parameter,) = template_of(spec(task(step(script="codo"))), "one")["outputs"]["parameters"]
    assert parameter == {
        "name": "context",
        "valueFrom": {"path": FILE, "default": "{{inputs.parameters.context}}"},
    }


def test_the_command_is_there_once_and_executable():
    found = spec(task(step("a", script="codo"), step("b")))
    (artifact,) = found["templateDefaults"]["inputs"]["artifacts"]
    assert (artifact["path"], artifact["mode"]) == (CODO_PATH, 0o755)
    assert str(found).count("get_context()") == 1


def test_without_codo_there_is_nothing_of_it():
    assert "codo-context" not in str(rendered(task(step())).workflow)
    assert "templateDefaults" not in spec(task(step()))


def test_in_one_pod_the_steps_share_the_file():
    found = rendered(task(step("a", script="codo"), step("b")), layout="pod")
    (root,) = found.workflow["spec"]["templates"]
    for container in root["containerSet"]["containers"]:
        assert {"name": "CODO_CONTEXT_FILE", "value": FILE} in container["env"]
        assert {"name": "codo-files", "mountPath": CODO_PATH, "subPath": "codo"} in container["volumeMounts"]
    assert found.files["data"]["codo"].startswith("#!/bin/sh\n")
    assert {"name": "codo-context", "emptyDir": {}} in root["volumes"]
