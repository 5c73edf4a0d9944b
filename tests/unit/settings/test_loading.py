from __future__ import annotations

from pathlib import Path

import pytest

from translator.settings import InvalidSettingsError, load_settings


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
