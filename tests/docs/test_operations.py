"""The page of operations, the dashboard and the alerts know the metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from translator.service.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
MONITORING = ROOT / "deploy" / "monitoring"
TABLE = re.compile(r"(?<=\| what it means \|\n\| --- \| --- \| --- \| --- \|\n)(?:\| `[^\n]*\n)*")


def metrics() -> Iterator[tuple[str, str, str, str]]:
    """Name, type, labels and meaning of each."""
    made = Metrics()
    labels = {
        metric._name: metric._labelnames for metric in made._registry._collector_to_names
    }  # a metric without a value has no labels in the text
    for family in text_string_to_metric_families(made.text(outbox_age_s=0, followed=0).decode()):
        if family.name.endswith("_created"):
            continue  # when a counter began, which Prometheus' own client adds
        name = family.name + ("_total" if family.type == "counter" else "")
        yield name, family.type, ", ".join(labels[family.name]), family.documentation


def test_the_table_has_every_metric(request: pytest.FixtureRequest):
    rows = "".join(
        f"| `{name}` | {kind} | {labels} | {text} |\n" for name, kind, labels, text in sorted(metrics())
    )
    if request.config.getoption("--refresh"):
        PAGE.write_text(TABLE.sub(lambda _: rows, PAGE.read_text(), count=1))
    found = TABLE.search(PAGE.read_text())
    assert found is not None
    assert found[0] == rows


def expressions() -> Iterator[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    for group in rules["spec"]["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def test_what_is_drawn_and_what_alerts_exists_with_those_labels():
    known = {name: labels.split(", ") for name, _, labels, _ in metrics()}
    for expression in expressions():
        named = re.findall(r"translator_\w+", expression)
        assert named, expression
        labels = {label for name in named for label in known[name.removesuffix("_bucket")]}
        by = re.findall(r"by \((\w+)\)", expression) + re.findall(r"\{(\w+)=", expression)
        assert set(by) <= labels | {"le", "pod"}, expression


def test_every_alert_is_on_the_page_and_says_what_to_do():
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["spec"]["groups"][0]["rules"]
    assert re.findall(r"^\| `(Translator\w+)`", PAGE.read_text(), re.MULTILINE) == [
        rule["alert"] for rule in rules
    ]
    assert all(rule["annotations"]["description"] and rule["labels"]["severity"] for rule in rules)
