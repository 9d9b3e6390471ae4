"""Which values must not be seen."""

from __future__ import annotations

from fnr.config.secrets import is_secret, redaction_of, secret_values
from fnr.config.settings import FunctionSettings, Settings


def function(**fields: object) -> FunctionSettings:
    return FunctionSettings(name="f", kind="python", **fields)  # type: ignore[arg-type]  # any field


def test_names_are_matched_in_either_case() -> None:
    assert is_secret("hf_token", ["*TOKEN*"])
    assert is_secret("HF_TOKEN", ["*token"])
    assert not is_secret("HF_TOKENS", ["*token"])
    assert not is_secret("ANY", [])


def test_values_come_from_env_and_env_file_longest_first() -> None:
    settings = Settings(
        redact_env_keys=("*TOKEN*",),
        functions={
            "f": function(env={"A_TOKEN": "secret", "B": "no-secret", "C_TOKEN": "short"}),
            "g": function(
                env_from_file={"API_TOKEN": "from-a-file", "OTHER": "not-a-secret"},
                env={"A_TOKEN": "secret"},
            ),
        },
    )
    assert secret_values(settings) == ("from-a-file", "secret")


def test_without_keys_names_that_say_so_are_secret() -> None:
    env = {
        "HF_TOKEN": "quite-a-secret",
        "db_password": "another-one",
        "AWS_CREDENTIALS": "/etc/aws/credentials",
        "MAX_TOKENS": "100000",
        "TOKENIZERS_PARALLELISM": "perhaps",
        "SHORT_TOKEN": "short",
        "LICENCE": "not-a-secret",
    }
    found = secret_values(Settings(functions={"f": function(env=env)}))
    assert found == ("quite-a-secret", "another-one")


def test_of_a_secret_of_several_lines_each_is_one() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkq" * 4, "hkiG9w0BAQEFAASC", "=="]
    env = {"TLS_PRIVATE_KEY": "\n".join([*lines, "-----END PRIVATE KEY-----", ""])}
    settings = Settings(functions={"f": function(env=env)})
    assert secret_values(settings) == (*env.values(), lines[1], lines[2])
    # As a log has it, which is looked at line by line.
    assert redaction_of(settings).text(f"cannot use {lines[2]}") == "cannot use [redacted]"
