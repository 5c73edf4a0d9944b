from __future__ import annotations

from pathlib import Path

import pytest

from translator.settings import InvalidSettingsError, Settings, key_of, load_settings


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


def test_the_seeds_configuration_is_read(file):
    settings = load_settings(
        file(
            "SERVER-ADDRESS: http://agent-server:8080\nBIZ-ID: 504\nROW-LIMIT: 200\nLOG-LEVEL: INFO\n"
            "redisConfig:\n  addr: redis:6379\n  password: 12345\n  db: 3\n"
        )
    )
    assert (settings.server_address, settings.biz_id) == ("http://agent-server:8080", "504")
    assert (settings.row_limit, settings.log_level) == (200, "info")
    redis = settings.redis
    assert (redis.addr, redis.password, redis.db, redis.wait_replicas) == ("redis:6379", "12345", 3, 0)


def test_without_a_file_everything_has_a_default():
    settings = load_settings()
    assert settings.redis is None
    assert settings.listen == "127.0.0.1:8080"


def test_options_win_over_variables_and_these_over_the_file(file, monkeypatch):
    path = file("listen: a:1\nBIZ-ID: file\nworkflow: {layout: pod, storageClass: nfs}\n")
    monkeypatch.setenv("TRANSLATOR_LISTEN", "b:2")
    monkeypatch.setenv("TRANSLATOR_WORKFLOW__LAYOUT", "dag")
    settings = load_settings(path, listen="c:3", engine=None)
    assert settings.listen == "c:3"
    assert settings.biz_id == "file"
    assert (settings.workflow.layout, settings.workflow.storage_class) == ("dag", "nfs")


def test_variables_that_kubernetes_sets_for_a_service_are_no_settings(monkeypatch):
    monkeypatch.setenv("TRANSLATOR_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TRANSLATOR_PORT", "tcp://10.0.0.1:8080")
    load_settings()


def test_namespaces_are_a_list_or_names_with_commas(file, monkeypatch):
    assert load_settings().argo.namespaces == ()
    assert load_settings(file("argo: {namespaces: [team-a, team-b]}")).argo.namespaces == ("team-a", "team-b")
    monkeypatch.setenv("TRANSLATOR_ARGO__NAMESPACES", "team-c, team-d")
    assert load_settings(file("argo: {namespaces: [team-a]}")).argo.namespaces == ("team-c", "team-d")
    monkeypatch.setenv("TRANSLATOR_ARGO__NAMESPACES", "")
    assert load_settings().argo.namespaces == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SERVER-ADDRES: x", "SERVER-ADDRES: unknown key (did you mean SERVER-ADDRESS?)"),
        ("server_address: x", "server_address: unknown key (did you mean SERVER-ADDRESS?)"),
        ("redisConfig: {address: x}", "redisConfig.address: unknown key (did you mean addr?)"),
        (
            "redisConfig: {addr: 'x:y'}",
            "redisConfig.addr (or TRANSLATOR_REDIS__ADDR): Value error, 'x:y' is not host:port",
        ),
        ("redisConfig: {}", "redisConfig.addr (or TRANSLATOR_REDIS__ADDR): Field required"),
        ("redisConfig: 5", "redisConfig (or TRANSLATOR_REDIS): "),
        ("ROW-LIMIT: 0", "ROW-LIMIT (or TRANSLATOR_ROW_LIMIT): Input should be greater than or equal to 1"),
        ("engine: kubeflow", "engine (or TRANSLATOR_ENGINE): Input should be 'local' or 'argo'"),
        ("workflow: {layout: tree}", "workflow.layout (or TRANSLATOR_WORKFLOW__LAYOUT): Input should be"),
        ("listen: 0.0.0.0:99999", "listen (or TRANSLATOR_LISTEN): Value error, must be HOST:PORT"),
        ("SERVER-ADDRESS: agent-server:8080", "Value error, must be http://HOST:PORT or https://HOST"),
        (
            "argo: {namespaces: [team-a, Team_B]}",
            "argo.namespaces (or TRANSLATOR_ARGO__NAMESPACES): Value error, 'Team_B' cannot be",
        ),
        ("- a", "must be a mapping of settings, not list"),
        ("a: [", "did not find expected node content"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("5: x", "5: unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(file, text, message):
    path = file(text)
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert message in caught.value.message


def test_all_wrong_values_are_said_at_once(file):
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings(file("ROW-LIMIT: 0\nshards: -1\n"))
    assert len(caught.value.message.splitlines()) == 2


def test_a_missing_file_is_said():
    with pytest.raises(InvalidSettingsError, match="No such file"):
        load_settings(Path("/no/such/config.yaml"))


def test_an_empty_file_and_empty_values_mean_not_set(file):
    assert load_settings(file("")) == load_settings(file("redisConfig:\nBIZ-ID:\n")) == load_settings()


def test_secrets_are_not_shown(file):
    settings = load_settings(
        file("redisConfig: {addr: 'r:1', password: hush}\napiToken: hush\nagentServerToken: hush\n")
    )
    assert "hush" not in repr(settings)


def test_every_setting_has_a_key_of_its_own():
    keys = [key_of(name) for name in Settings.model_fields]
    assert len(set(keys)) == len(keys)
    assert {"SERVER-ADDRESS", "BIZ-ID", "ROW-LIMIT", "LOG-LEVEL", "redisConfig", "keepFinishedSeconds"} < set(
        keys
    )
