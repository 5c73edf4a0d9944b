from __future__ import annotations

import pytest

from translator.task import names


@pytest.mark.parametrize(
    ("fault", "good", "bad"),
    [
        (
            names.label_fault,
            ["a", "a-1", "0", "a" * 63],
            ["", "A", "-a", "a-", "a.b", "a_b", "a" * 64, "a\n", "名"],
        ),
        (names.subdomain_fault, ["a", "a.b-c", "a" * 253], ["", "A", "a..b", ".a", "a_b", "a" * 254]),
        (names.label_value_fault, ["", "a", "A_b.c-d", "a" * 63], ["-a", "a-", "a b", "a/b", "a" * 64]),
        (
            names.qualified_name_fault,
            ["a", "kubernetes.io/os", "nvidia.com/gpu", "A_b"],
            ["", "/a", "a/", "a/b/c", "A.B/c", "a b"],
        ),
        (
            names.env_name_fault,
            ["A", "a.b-c", "1", "a b", "codo_x", "~"],
            ["", "A=B", "变量", "a\n", "a\x7f"],
        ),
    ],
)
def test_names(fault, good, bad):
    assert [name for name in good if fault(name) is not None] == []
    assert [name for name in bad if fault(name) is None] == []


def test_the_hint_is_a_legal_name():
    assert names.label_fault("Step_1 (x)") == (
        "'Step_1 (x)' is not a name of lower-case letters, digits and inner '-'",
        "such as step-1-x",
    )
