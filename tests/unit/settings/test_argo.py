from __future__ import annotations

from translator.settings import load_settings


def test_namespaces_are_a_list_or_names_with_commas(file, monkeypatch):
    assert load_settings().argo.namespaces == ()
    assert load_settings(file("argo: {namespaces: [team-a, team-b]}")).argo.namespaces == ("team-a", "team-b")
    monkeypatch.setenv("TRANSLATOR_ARGO__NAMESPACES", "team-c, team-d")
    assert load_settings(file("argo: {namespaces: [team-a]}")).argo.namespaces == ("team-c", "team-d")
    monkeypatch.setenv("TRANSLATOR_ARGO__NAMESPACES", "")
    assert load_settings().argo.namespaces == ()
