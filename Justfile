# Recipes run in the environment that ./just makes; see README.md.

export PYTHONWARNINGS := env("PYTHONWARNINGS", "default")

[private]
default:
    @just --list --unsorted

# make the environment (every recipe does this first)
setup:
    @echo "ready: .venv ($(python --version), $(translator --version))"

# run the seed's batch on this machine, from agent-server and back
demo *args:
    @translator demo {{ args }}

# all tests but e2e and faults
test *args:
    pytest --numprocesses=auto --dist=worksteal {{ args }}

# the same tests, with what they reach of the code; fails below 90 %
coverage *args:
    pytest --numprocesses=auto --dist=worksteal --cov --cov-report=term {{ args }}

# ruff, import rules
lint:
    ruff check .
    ruff format --check .
    lint-imports

# mypy --strict
type:
    mypy

# format and mend what can be mended
fmt:
    ruff check --fix .
    ruff format .

# print the objects of a task (translator render FILE)
render *args:
    @translator render {{ args }}

# tests on a real cluster (needs KUBECONFIG; see docs/cluster.md)
e2e *args:
    pytest {{ if args =~ '(^| )tests/' { "" } else { "tests/e2e tests/outside/test_cluster_hands.py" } }} {{ args }}

# faults made on purpose, at most 15 minutes; --seed replays a run (docs/reliability.md)
faults *args:
    pytest {{ if args =~ '(^| )tests/' { "" } else { "tests/faults tests/outside/test_local_faults.py" } }} --numprocesses=2 --dist=worksteal {{ args }}

# N random tasks, here and on a real cluster, must end alike (N --seed S; docs/cluster.md)
differential *args:
    @python -m tests.differential {{ args }}

# the parser with inputs that nobody would write, for --minutes N; --seed S replays a run
fuzz *args:
    @python -m tests.fuzz {{ args }}

# ten minutes of mixed load, after which nothing may have grown (--minutes N)
soak *args:
    python -m tests.faults.soak {{ args }}

# figures, each beside its floor in the same run
bench *args:
    python benchmarks/run.py {{ args }}
    python benchmarks/service.py
    python benchmarks/linear.py
    python benchmarks/masking.py

# figures on a real cluster (needs KUBECONFIG; see docs/cluster.md)
bench-cluster *args:
    python benchmarks/cluster/run.py {{ args }}

# make a site of docs/ in build/site; --refresh of tests/docs writes the generated tables first
docs:
    pytest -q tests/docs/test_reference.py tests/docs/test_operations.py --refresh
    python -W ignore -m mkdocs build --quiet

# known vulnerabilities of the locked packages; 3: the advisories cannot be reached
audit *args:
    @python .ci/audit.py {{ args }}

# a CycloneDX list of what an installation contains: build/sbom.cdx.json
sbom:
    rm -rf build/installation && mkdir -p build
    uv venv --quiet --python "$(command -v python)" build/installation
    VIRTUAL_ENV=build/installation uv pip sync --quiet --require-hashes requirements.lock
    VIRTUAL_ENV=build/installation uv pip install --quiet --no-deps .
    PYTHONWARNINGS=ignore cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible --validate -o build/sbom.cdx.json build/installation/bin/python

# lock the newest versions that pyproject.toml allows
lock:
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock

# all that must hold before a change lands: lint, types, import rules, tests
ci: lint type test
