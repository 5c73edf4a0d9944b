from __future__ import annotations

import pytest

from translator.workflow.secret_params import SECRET_PARAMS, exactly, is_secret


@pytest.mark.parametrize(
    "name",
    [
        *("password", "DB_PASSWORD", "dbPassword2", "my-token", "client_secret", "apiKey", "passwd_file"),
        *("voucher", "vouchers", "git_voucher", "pwd", "PWD", "db-pwd", "rootPwd", "pwd2", "passphrase"),
        *("key.passphrase", "access_key", "accessKey", "AWS_ACCESS_KEY_ID", "aws-access-key", "ACCESSKEY"),
        *("authorization", "Authorization", "authorizationHeader", "http_authorization", "session"),
        *(
            "sessionId",
            "SESSION",
            "user_session_2",
            "cookie",
            "Cookies",
            "session-cookie",
            "数据库密码",
            "口令",
        ),
        *("签名密钥", "令牌", "凭证"),
    ],
)
def test_names_of_secrets(name):
    assert is_secret(name, SECRET_PARAMS)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "session_timeout",
            "sessionTimeout",
            "obsession",
            "possession",
            "sessions_per_node",
            "cookie_domain",
        ),
        *("cookieless", "pwdx", "show_pwd_dialog", "voucher_count", "authorization_mode", "access", "key"),
        *(
            "key_access",
            "primary_key",
            "passphrase_length",
            "author",
            "id",
            "",
            "1",
            "s",
            "x_s",
            "密",
            "会话",
        ),
    ],
)
def test_names_of_other_things(name):
    assert not is_secret(name, SECRET_PARAMS)


def test_a_pattern_without_a_wildcard_is_whole_words_and_one_with_is_not():
    assert [is_secret(name, ["db_pass"]) for name in ("db_pass", "myDbPass", "db_pass_age", "dbx_pass")] == [
        *(True, True, False, False)
    ]
    assert is_secret("xdb_passx", ["*db_pass*"])
    assert not is_secret("a", ["", "_", "*b"])


@pytest.mark.parametrize("name", ["a[b]c", "a*", "名字", "x?"])
def test_exactly_these_names(name):
    assert is_secret(name, exactly([name]))
    assert not is_secret(name + "x", exactly([name]))
