import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translator.workflow.literals import (
    BRACE,
    MAX_FILES_BYTES,
    MAX_INLINE_BYTES,
    Files,
    changed_by_argo,
    data_must_be_file,
    expandable_must_be_file,
    refuse_templated,
    script_must_be_file,
    split_braces,
    uses_brace,
)
from translator.workflow.refusal import Faults, Untranslatable

HOSTILE = st.text(alphabet="{}$()AB_ x", max_size=40)


def expand(text, variables):
    """Kubernetes' expansion of env values, command and args (third_party/forked/golang/expansion)."""
    out, at = [], 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            out.append(text[at])
            at += 1
        elif text[at + 1] == "$":
            out.append("$")
            at += 2
        elif text[at + 1] == "(" and ")" in text[at:]:
            end = text.index(")", at)
            name = text[at + 2 : end]
            out.append(variables.get(name, f"$({name})"))
            at = end + 1
        elif text[at + 1] == "(":
            out.append("$(")
            at += 2
        else:
            out.append(text[at : at + 2])
            at += 2
    return "".join(out)


@given(HOSTILE)
@example("$({{")
@example('x=$(docker inspect -f "{{.Id}} $$ $(A)" y)')
def test_kubernetes_makes_split_text_what_it_would_have_made_of_the_whole(text):
    split = split_braces(text)
    assert not changed_by_argo(split)
    assert expand(split, {"A": "1", BRACE: "{"}) == expand(text, {"A": "1"})


@given(HOSTILE)
def test_text_without_two_braces_is_left_alone(text):
    assert (split_braces(text) == text) == ("{{" not in text)
    assert uses_brace(split_braces(text)) == ("{{" in text)


@given(HOSTILE)
def test_data_that_is_inline_is_not_changed(text):
    if not data_must_be_file(text):
        assert expand(text, {"A": "1", "B": "2"}) == text
        assert "{{" not in text


@given(HOSTILE)
def test_an_inline_script_is_not_changed_on_its_way_through_an_env_variable(text):
    if not script_must_be_file(text):
        assert expand(text, {"ARGO_POD_NAME": "1", "A": "1", "AB": "3"}) == text


@pytest.mark.parametrize(
    ("script", "must"),
    [
        ("echo hi", False),
        ("docker ps --format '{{.Names}}'", True),
        ("echo > /tmp/x.$$", True),
        ("echo '$(ARGO_POD_NAME)'", True),
        ("echo '$(ARGO_", True),
        ("echo '$(KUBERNETES_SERVICE_HOST)'", True),
        ("echo $(date) $((1 + 2)) ${A} $(A b)", False),
        ("x" * MAX_INLINE_BYTES, False),
        ("x" * (MAX_INLINE_BYTES + 1), True),
        ("中" * (MAX_INLINE_BYTES // 3 + 1), True),
    ],
)
def test_which_script_may_not_be_inline(script, must):
    assert script_must_be_file(script) is must


@pytest.mark.parametrize(
    ("text", "must"), [("$(A)" + "x" * 70000, False), ("x" * 70000, True), ("{{x}}", False)]
)
def test_long_text_stays_inline_only_where_kubernetes_has_to_expand_it(text, must):
    assert expandable_must_be_file(text) is must


def test_a_templated_text_is_refused_with_its_own_path():
    faults = Faults()
    refuse_templated({"a": ["ok", {"b": "{{x}}"}], "{{k}}": 1, "n": None}, "p", faults)
    with pytest.raises(Untranslatable) as caught:
        faults.check()
    assert [fault.path for fault in caught.value.faults] == ["p.a[1].b", "p.{{k}}"]


def test_the_same_text_is_kept_once_under_a_legal_key():
    files = Files("x-files")
    assert files.add_text("{{a}}") == files.add_text("{{a}}")
    assert files.add_text("{{b}}") not in ("", files.add_text("{{a}}"))
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) for key in files.data)
    assert not files.mounted


def test_more_than_a_config_map_holds_is_refused():
    files = Files("x-files")
    files.add("a.script", "x" * MAX_FILES_BYTES)
    faults = Faults()
    files.check(faults)
    faults.check()
    files.add("b.script", "x")
    files.check(faults)
    with pytest.raises(Untranslatable) as caught:
        faults.check()
    assert caught.value.faults[0].code == "too-large"
