"""Tasks made by hand, and by hypothesis."""

from hypothesis import strategies as st

from translator.service.template import load_template
from translator.task.model import PodTemplate, Resources, Step, Task
from translator.workflow.options import Options
from translator.workflow.translate import translate

TEMPLATE = load_template()
NAME = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
ENV_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True).filter(
    lambda name: not name.startswith("CODO_")
)
# What Argo and Kubernetes would change, in all neighbourhoods.
HOSTILE = st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "{",
            "$$",
            "$",
            "$(A)",
            "$(ARGO_POD_NAME)",
            "{{workflow.name}}",
            "codo",
            "中",
            "\n",
            '"',
            "a",
        ]
    ),
    max_size=8,
).map("".join)
WORD = st.text(max_size=8) | HOSTILE
ENV = st.lists(st.builds(lambda name, value: {"name": name, "value": value}, ENV_NAME, WORD), max_size=3).map(
    tuple
)
VOLUMES = ({"name": "va", "emptyDir": {}}, {"name": "vb", "configMap": {"name": "c"}})
MOUNTS = st.lists(
    st.sampled_from([{"name": "va", "mountPath": "/a"}, {"name": "vb", "mountPath": "/b"}]),
    max_size=2,
    unique_by=lambda mount: mount["mountPath"],
).map(tuple)
QUANTITIES = st.dictionaries(
    st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "500m", "1Gi"]), max_size=2
)
RESOURCES = st.builds(Resources, requests=QUANTITIES, limits=QUANTITIES)


@st.composite
def steps(draw):
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    return tuple(draw(_step(name)) for name in names)


@st.composite
def _step(draw, name):
    program = draw(
        st.fixed_dictionaries({"script": WORD})
        | st.fixed_dictionaries(
            {
                "command": st.lists(WORD, min_size=1, max_size=2).map(tuple),
                "args": st.lists(WORD, max_size=2).map(tuple),
            }
        )
    )
    return Step(
        name=name,
        image="alpine:3.20",
        env=draw(ENV),
        timeout_ns=draw(st.integers(min_value=1, max_value=2**63 - 1)),
        timeout_given=draw(st.booleans()),
        on_error_continue=draw(st.booleans()),
        compute_resources=draw(RESOURCES),
        volume_mounts=draw(MOUNTS),
        working_dir=draw(st.none() | st.just("/w")),
        security_context=draw(st.sampled_from([{}, {"runAsUser": 1000}])),
        **program,
    )


TASKS = st.builds(
    Task,
    task_id=st.text(max_size=80),
    agent_id=st.text(max_size=80),
    display_name=WORD,
    description=WORD,
    steps=steps(),
    params=st.dictionaries(ENV_NAME, WORD, max_size=3).map(lambda found: tuple(found.items())),
    args_timeout_s=st.none() | st.integers(min_value=1, max_value=10**12),
    timeout_ns=st.none() | st.integers(min_value=1, max_value=2**63 - 1),
    compute_resources=RESOURCES,
    pod=st.builds(PodTemplate, env=ENV, enable_service_links=st.none() | st.booleans()),
    volumes=st.just(VOLUMES),
)
OPTIONS = st.builds(
    Options,
    layout=st.sampled_from(["auto", "dag", "pod"]),
    codo=st.sampled_from(["auto", "always", "never"]),
    storage_class=st.sampled_from(["", "fast"]),
    standalone=st.booleans(),
)


def task(*steps, **fields):
    """A task of these steps."""
    return Task(**{"task_id": "t", "agent_id": "a", "display_name": "d", "steps": steps, **fields})


def step(name="one", **fields):
    """A step that runs a script, unless it is told otherwise."""
    if not fields.get("command"):
        fields.setdefault("script", "echo hi")
    return Step(name=name, image="alpine:3.20", **fields)


def rendered(given, *, template=TEMPLATE, attempt=1, **options):
    return translate(given, attempt=attempt, options=Options(**options), template=template)


def spec(given, **options):
    return rendered(given, **options).workflow["spec"]


def template_of(found, name):
    return next(template for template in found["templates"] if template["name"] == name)


def process(given, name="one", **options):
    """The container or script of one step."""
    found = template_of(spec(given, **options), name)
    return found.get("script") or found["container"]
