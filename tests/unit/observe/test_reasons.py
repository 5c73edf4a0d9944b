from __future__ import annotations

from translator.observe import reasons

CONSTANTS = {
    name: value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)
}


def test_every_reason_has_a_remedy_of_one_line():
    assert set(CONSTANTS.values()) == set(reasons.REMEDIES)
    for reason in CONSTANTS.values():
        remedy = reasons.remedy(reason)
        assert 10 < len(remedy) < 120
        assert "\n" not in remedy
        assert not remedy.endswith(".")


def test_reasons_are_written_as_kubernetes_writes_them():
    assert all(value.isalnum() and value[0].isupper() for value in CONSTANTS.values())
    assert len(set(CONSTANTS.values())) == len(CONSTANTS)


def test_an_unknown_reason_has_none():
    assert reasons.remedy("Whatever") == ""
