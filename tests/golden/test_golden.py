"""Each ``<name>.task.yaml`` becomes ``<name>.expected.yaml``, or is refused with ``<name>.expected.txt``.

``<name>.args.json`` holds what else the translation depends on: task_id (default: the name), agent_id,
namespace, timeout, params, attempt, and options. ``pytest tests/golden --refresh`` writes the files anew.
"""

import json
from pathlib import Path

import pytest
import yaml
from hera.workflows import models

from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.policy.model import Policy
from translator.workflow.refusal import Untranslatable
from translator.workflow.text import as_yaml
from translator.workflow.translate import translate

FOLDER = Path(__file__).parent
NAMES = sorted(path.name.removesuffix(".task.yaml") for path in FOLDER.glob("*.task.yaml"))
CRD = FOLDER.parents[2] / "shared/cluster/argo-crds/argoproj.io_workflows.yaml"


def _problems(problems):
    return "".join(problem.text("task.yaml") + "\n" for problem in problems)


def _outcome(name):
    """The objects, or None, and the problems as text."""
    path = FOLDER / f"{name}.args.json"
    args = json.loads(path.read_text()) if path.exists() else {}
    given = args.pop("options", {})
    options = Options(**{**given, "policy": Policy(**given.get("policy", {}))})
    attempt = args.pop("attempt", 1)
    args.setdefault("task_id", name)
    parsed = parse_task((FOLDER / f"{name}.task.yaml").read_bytes(), **args)
    if parsed.task is None:
        return None, _problems(parsed.problems)
    try:
        rendered = translate(parsed.task, attempt=attempt, options=options, template=load_template())
    except Untranslatable as error:
        places = [parsed.place(f.path, f.message, f.hint, f.code) for f in error.faults]
        return None, _problems(sorted(places, key=lambda place: (place.line, place.column)))
    return rendered, ""


def _files():
    return {path.name for path in FOLDER.glob("*.expected.*")}


def _wanted(name):
    rendered, problems = _outcome(name)
    if rendered is None:
        return FOLDER / f"{name}.expected.txt", problems
    return FOLDER / f"{name}.expected.yaml", as_yaml(rendered.objects())


@pytest.mark.parametrize("name", NAMES)
def test_a_task_becomes_what_its_golden_file_says(name, request):
    path, text = _wanted(name)
    if request.config.getoption("--refresh", default=False):
        for old in FOLDER.glob(f"{name}.expected.*"):
            old.unlink()
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("name", NAMES)
def test_the_printed_yaml_reads_back_as_the_same_objects(name):
    rendered, _ = _outcome(name)
    if rendered is not None:
        text = as_yaml(rendered.objects())
        assert list(yaml.load_all(text, Loader=yaml.CSafeLoader)) == rendered.objects()


@pytest.mark.parametrize("name", NAMES)
def test_heras_models_drop_no_field(name):
    rendered, _ = _outcome(name)
    if rendered is not None:
        model = models.Workflow.model_validate(rendered.workflow)
        assert model.model_dump(exclude_unset=True, by_alias=True) == rendered.workflow


def test_there_is_no_expected_file_without_a_task():
    left = {f"{name}.expected.{end}" for name in NAMES for end in ("yaml", "txt")}
    assert _files() <= left
    assert len(_files()) == len(NAMES) >= 40


@pytest.fixture(scope="session")
def crd():
    """Argo's own schema of a Workflow, in which unknown fields are errors, as for ``--validate=strict``."""
    if not CRD.exists():
        pytest.skip(f"Argo's CRDs are not beside the checkout ({CRD})")
    from jsonschema import Draft202012Validator

    documents = yaml.load(CRD.read_bytes(), Loader=yaml.CSafeLoader)
    version = next(v for v in documents["spec"]["versions"] if v["name"] == "v1alpha1")
    return Draft202012Validator(_strict(version["schema"]["openAPIV3Schema"]))


def _strict(schema):
    """OpenAPI v3 as Kubernetes reads it, as JSON schema."""
    strict = {}
    for key, value in schema.items():
        if key == "properties":
            strict[key] = {name: _strict(inner) for name, inner in value.items()}
        elif key == "items" or (key == "additionalProperties" and isinstance(value, dict)):
            strict[key] = _strict(value)
        elif key in ("type", "required", "enum", "minimum", "maximum", "pattern", "minLength", "maxLength"):
            strict[key] = value
    if schema.get("x-kubernetes-int-or-string"):
        strict["type"] = ["integer", "string"]
    if "properties" in strict and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict["additionalProperties"] = False
    return strict


@pytest.mark.parametrize("name", NAMES)
def test_argos_own_schema_takes_the_workflow(name, crd):
    rendered, _ = _outcome(name)
    if rendered is not None:
        assert [error.message[:300] for error in crd.iter_errors(rendered.workflow)] == []


def test_argos_schema_refuses_a_field_that_it_does_not_know(crd):
    rendered, _ = _outcome("seed-min")
    broken = json.loads(json.dumps(rendered.workflow))
    broken["spec"]["templates"][1]["scrpt"] = {}
    assert not crd.is_valid(broken)
