import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from translator.workflow.text import as_json, as_yaml

AMBIGUOUS = [
    "y", "N", "yes", "No", "ON", "off", "true", "null", "~", "", "0755", "0o17", "0x1F", "1e3", "1_000",
    "1:30", ".5", ".inf", "-1", "2001-01-01", "=", "<<", "-", "?", "a: b", "a #b", "#a", "*a", "&a", "!a",
    "%a", "@a", "`a`", " a", "a ", "a:", "nan", "Inf", "\n", " a\nb", "a\n\n", "a\t\nb", "\ufeffa", "\x85",
    "a\r\nb", "\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_a_string_stays_a_string_for_every_reader(text):
    written = as_yaml([{text: [text]}])
    assert yaml.safe_load(written) == {text: [text]}
    # YAML 1.2's, Go's and PyYAML's readers agree on what is quoted or a block.
    value = written.split("- ", 1)[1]
    assert value[0] in "\"|'"


@given(
    st.recursive(
        st.text(max_size=30), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)
    )
)
def test_any_text_survives(data):
    assert yaml.load(as_yaml([{"k": data}]), Loader=yaml.CSafeLoader) == {"k": data}


def test_scripts_are_blocks_and_documents_are_apart():
    assert as_yaml([{"a": "x\ny\n"}, {"b": "alpine:3.20"}]) == ("---\na: |\n  x\n  y\n---\nb: alpine:3.20\n")


def test_json_is_one_list():
    assert json.loads(as_json([{"a": "中"}, {"b": 1}])) == {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{"a": "中"}, {"b": 1}],
    }
