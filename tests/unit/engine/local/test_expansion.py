from __future__ import annotations

import pytest

from translator.engine.local.expansion import expand


# the cases of Kubernetes' own expansion_test.go
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(VAR_A)", "A"),
        ("___$(VAR_A)___", "___A___"),
        ("$(VAR_A)-$(VAR_B)", "A-B"),
        ("$(VAR_EMPTY)", ""),
        ("$(VAR_NONE)", "$(VAR_NONE)"),
        ("$$(VAR_A)", "$(VAR_A)"),
        ("$$$(VAR_A)", "$A"),
        ("$$$$(VAR_A)", "$$(VAR_A)"),
        ("$VAR_A", "$VAR_A"),
        ("$(VAR_A", "$(VAR_A"),
        ("$", "$"),
        ("$$", "$"),
        ("a$", "a$"),
        ("\\$(VAR_A)", "\\A"),
        ("$()", "$()"),
        ("$($(VAR_A))", "$($(VAR_A))"),
        ("f000-$$VAR_A", "f000-$VAR_A"),
        ("$(VAR_REF)", "$(VAR_A)"),
    ],
)
def test_expansion(text: str, expected: str):
    variables = {"VAR_A": "A", "VAR_B": "B", "VAR_EMPTY": "", "VAR_REF": "$(VAR_A)"}
    assert expand(text, variables) == expected
