"""The settings where no file says any."""

from __future__ import annotations

from translator.settings import load_settings


def test_without_a_file_everything_has_a_default():
    settings = load_settings()
    assert settings.redis is None
    assert settings.listen == "127.0.0.1:8080"


def test_variables_that_kubernetes_sets_for_a_service_are_no_settings(monkeypatch):
    monkeypatch.setenv("TRANSLATOR_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TRANSLATOR_PORT", "tcp://10.0.0.1:8080")
    load_settings()
