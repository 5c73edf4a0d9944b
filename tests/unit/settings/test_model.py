from __future__ import annotations

from translator.settings import load_settings


def test_options_win_over_variables_and_these_over_the_file(file, monkeypatch):
    path = file("listen: a:1\nBIZ-ID: file\nworkflow: {layout: pod, storageClass: nfs}\n")
    monkeypatch.setenv("TRANSLATOR_LISTEN", "b:2")
    monkeypatch.setenv("TRANSLATOR_WORKFLOW__LAYOUT", "dag")
    settings = load_settings(path, listen="c:3", engine=None)
    assert settings.listen == "c:3"
    assert settings.biz_id == "file"
    assert (settings.workflow.layout, settings.workflow.storage_class) == ("dag", "nfs")


def test_secrets_are_not_shown(file):
    settings = load_settings(
        file("redisConfig: {addr: 'r:1', password: hush}\napiToken: hush\nagentServerToken: hush\n")
    )
    assert "hush" not in repr(settings)


def test_without_a_file_everything_has_a_default():
    settings = load_settings()
    assert settings.redis is None
    assert settings.listen == "127.0.0.1:8080"


def test_variables_that_kubernetes_sets_for_a_service_are_no_settings(monkeypatch):
    monkeypatch.setenv("TRANSLATOR_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TRANSLATOR_PORT", "tcp://10.0.0.1:8080")
    load_settings()
