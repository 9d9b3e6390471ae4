"""What is hidden as a secret, and what only looks like one."""

from __future__ import annotations

import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.parameterise import parameterise
from fnr.policy.redaction import (
    BadRedactPatternError,
    Redaction,
    check_redact_pattern,
    is_secret_name,
)

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"

HIDDEN = [
    ("https://bob:hunter2@h.example/x", "https://bob:***@h.example/x"),
    ("postgres://app:p@ss@db:5432/x", "postgres://app:***@db:5432/x"),
    ("redis://:s3cr3t@r:6379/0", "redis://:***@r:6379/0"),
    ("clone https://0123456789abcdef0123@git.example/x", "clone https://***@git.example/x"),
    ("GET /x?token=abcdef1234567890&page=2", "GET /x?token=[redacted]&page=2"),
    ("https://s3/x?X-Amz-Signature=0a1b2c3d4e5f&y=1", "https://s3/x?X-Amz-Signature=***&y=1"),
    ("https://hooks.slack.com/services/T0/B0/abcdef", "https://hooks.slack.com/services/***"),
    ("hf_" + "aB3" * 12, "[redacted]"),
    ("hf_" + "aXbCD" * 7, "[redacted]"),
    ("401: Bearer hf_" + "aXbCD" * 7, "401: Bearer [redacted]"),
    ("push with ghp_" + "a1B2" * 9 + " failed", "push with [redacted] failed"),
    ("AKIAABCDEFGHIJKLMNOP", "[redacted]"),
    ("sk-proj-" + "a1B2" * 9, "[redacted]"),
    (f"jwt {JWT}: expired", "jwt [redacted]: expired"),
    ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
    (f"{{'authorization': 'Bearer {JWT}'}}", "{'authorization': 'Bearer [redacted]'}"),
    ("Bearer 0123456789abcdef0123", "Bearer [redacted]"),
    (
        "clone https://ghp_" + "a1B2" * 9 + ":x-oauth-basic@h/x failed",
        "clone https://***@h/x failed",
    ),
    ("Authorization: ApiKey a1b2c3d4e5f6", "Authorization: ApiKey [redacted]"),
    ("{'Authorization': 'a1b2c3d4e5f6'}", "{'Authorization': '[redacted]'}"),
    ("gsk_" + "a1B2" * 9, "[redacted]"),
    ("401: comfyui-" + "0a9b" * 16 + " is not known", "401: [redacted] is not known"),
    ("'api_key_comfy_org': 'a1b2c3d4e5f6'", "'api_key_comfy_org': '[redacted]'"),
    ("SECRET_KEY=abcdefgh", "SECRET_KEY=[redacted]"),
    ("'minio_secret_key': 'a1b2c3d4'", "'minio_secret_key': '[redacted]'"),
    ("Cookie: sessionid=abcdefgh12345", "Cookie: sessionid=[redacted]"),
    ("HF_TOKEN=abcdefghij python x.py", "HF_TOKEN=[redacted] python x.py"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7", "aws_secret_access_key = [redacted]"),
    ("password=hunter host=db", "password=[redacted] host=db"),
    ("{'password': 'two words', 'n': 1}", "{'password': '[redacted]', 'n': 1}"),
    (r'{"body": "{\"api_key\": \"a1b2c3d4\"}"}', r'{"body": "{\"api_key\": \"[redacted]\"}"}'),
    ("mysql --password Hunter2 -h db", "mysql --password [redacted] -h db"),
    ("token: password=hunter22", "token: [redacted]"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----",
    ),
    (
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n"
            "MIIEbody\nMIIEmore==\n-----END RSA PRIVATE KEY-----\nbad-password"
        ),
        "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nbad-password",
    ),
    (
        (
            r"'-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2.0-x\n\nlQOYbody\n"
            r"=aB1c\n-----END PGP PRIVATE KEY BLOCK-----\n'"
        ),
        (
            r"'-----BEGIN PGP PRIVATE KEY BLOCK-----[redacted]"
            r"-----END PGP PRIVATE KEY BLOCK-----\n'"
        ),
    ),
    (
        "… 70 characters left out …\nMIIEbodyMIIEbody\nmore==\n-----END PRIVATE KEY-----\nx",
        "… 70 characters left out …\n[redacted]-----END PRIVATE KEY-----\nx",
    ),
]

LEFT = [
    "comfyui-" + "0a9b" * 10,  # a commit
    "/opt/comfyui-0.3.40/main.py",
    "",
    "Access denied for user 'root'@'localhost' (using password: YES)",
    "private_key=/etc/ssl/private/server1.pem: No such file or directory",
    'credential: "~/.config/gcp/sa-1234.json" is no JSON',
    "SyntaxError: Unexpected token: identifier",
    "Invalid token: '<eos>'; max_tokens=4096, tokenizer=gpt2-medium2",
    "error: unrecognized arguments: --token option",
    'Error: secret "registry-cred" not found',
    "Bearer authentication is required",
    "authorization: failed for user2 at host2024x",
    "Authorization: denied",
    "xai-org/grok-1-base-model-2024 is no model",
    "requests.get(url, token=self.token, password=get_password(user2))",
    "connect to http://10.0.0.3:8188/prompt",
    "see https://h.example:8080/a@b and mail bob@h.example",
    "PWD=/home/bob2/work",
    "KeyError: 'password'",
    "NameError: name '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' is not defined",
    "hf_" + "snakeless" * 4,
    "git@github.example:team/repo.git",
    "no line says:\n-----END PRIVATE KEY-----",
]


@pytest.mark.parametrize(("text", "shown"), HIDDEN)
def test_secrets_are_hidden_by_their_shape_and_the_words_around_them_stay(
    text: str, shown: str
) -> None:
    redaction = Redaction()
    assert redaction.text(text) == shown
    assert redaction.text(shown) == shown


@pytest.mark.parametrize("text", LEFT)
def test_words_that_only_sound_like_secrets_stay(text: str) -> None:
    assert Redaction().text(text) == text


@given(before=st.text(), behind=st.text())
def test_a_token_is_hidden_whatever_stands_around_it(before: str, behind: str) -> None:
    secret = "ghp_" + "a1B2" * 9
    assert secret not in Redaction().text(f"{before} {secret} {behind}")


@given(lines=st.lists(st.sampled_from([text for text, _ in HIDDEN if "\n" not in text] + LEFT)))
def test_of_many_lines_it_is_known_at_once_that_none_has_a_secret(lines: list[str]) -> None:
    redaction = Redaction()
    changed = [line for line in lines if redaction.text(line) != line]
    assert redaction.leaves("\n".join(lines).encode()) == (not changed)
    assert not Redaction(["^x$"]).leaves(b"y")


def test_what_cannot_be_decoded_is_read_as_well() -> None:
    assert Redaction(["ä+"]).data(b"\xff\xfe \xc3\xa4\xc3\xa4 password=hunter2") == (
        b"\xff\xfe [redacted] password=[redacted]"
    )
    assert Redaction().text("\udcff password=hunter2").endswith("password=[redacted]")


def test_patterns_and_values_of_the_operator_are_hidden_first() -> None:
    redaction = Redaction([r"licence-\d+"], ["the value of a variable"])
    assert redaction.text("licence-17 is the value of a variable") == "[redacted] is [redacted]"


@pytest.mark.parametrize(
    "told",
    [
        repr,
        lambda value: repr(f"{value}\" and it's all"),
        lambda value: repr(f"{value} and it's all"),
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: f"GET http://h/x?q={quote(value)}",
        lambda value: f"GET http://h/x?q={quote(value, safe='')}",
        lambda value: f"POST {urlencode({'q': value})}",
    ],
)
def test_a_value_is_hidden_as_programs_write_it_too(told: Callable[[str], str]) -> None:
    value = 'fi\'rst "sec\\ond"/\nthird ü'
    shown = Redaction(values=[value]).text(told(value))
    assert "[redacted]" in shown
    assert not any(part in shown for part in ("rst", "ond", "hird"))


@given(value=st.text(min_size=8), before=st.binary(max_size=7), behind=st.binary(max_size=7))
def test_a_value_is_hidden_in_base64_whatever_stands_around_it(
    value: str, before: bytes, behind: bytes
) -> None:
    """Of what is left at its ends, at most a byte of the value can be read."""
    raw = value.encode()
    redaction = Redaction(values=[value])
    for encode in (b64encode, urlsafe_b64encode):
        told = encode(before + raw + behind)
        shown = redaction.data(b"data: " + told)
        assert b"[redacted]" in shown, (told, shown)
        assert len(shown.replace(b"[redacted]", b"")) <= 6 + (len(before + behind) + 2) * 4 // 3 + 4
    assert redaction.data(b"k: " + b64encode(raw)) == b"k: [redacted]"


def test_a_value_is_hidden_in_hex() -> None:
    """As `bytes.hex`, `xxd -p` and `HEX()` write it, alone and behind something else."""
    redaction = Redaction(values=["qwertyuiop-ü"])
    for told in ("qwertyuiop-ü".encode().hex(), "Qqwertyuiop-ü".encode().hex().upper()):
        shown = redaction.text(f"body: {told}!")
        assert shown in {"body: [redacted]!", "body: 51[redacted]!"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n    ", "\\n"])
def test_a_value_is_hidden_though_a_line_ends_within_it(end: str) -> None:
    redaction = Redaction(values=["qwertyuiop-12345", "abcdef"])
    for at in range(1, 16):
        told = f"no{end}entry: {'qwertyuiop-12345'[:at]}{end}{'qwertyuiop-12345'[at:]}!{end}bye"
        assert redaction.text(told) == f"no{end}entry: [redacted]!{end}bye"
    for text in ("abc\ndef", "one\ntwo"):
        assert redaction.text(text) == text


def test_a_value_is_hidden_in_base64_that_is_wrapped() -> None:
    """As `base64` and `kubectl get secret` print what is longer than a line."""
    value = "".join(f"line {number} of a key;" for number in range(20))
    shown = Redaction(values=[value]).data(b"key: |\n" + encodebytes(value.encode()) + b"end")
    assert shown in {b"key: |\n[redacted]\nend", b"key: |\n[redacted]=\nend"}


def test_no_pattern_of_an_operator_can_be_slow() -> None:
    """Python's engine would try for longer than the test may take."""
    assert Redaction([r"(a+)+$"]).text("a" * 50_000 + "!") == "a" * 50_000 + "!"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("x(?=y)", "look-around is not in RE2"),
        ("(", "missing \\)"),
        ("x*", "it matches the empty text"),
        ("", "it matches the empty text"),
        ("x" * 8_001, "8001 characters; at most 8000"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, why: str) -> None:
    with pytest.raises(BadRedactPatternError, match=why):
        check_redact_pattern(pattern)


def test_a_name_says_that_a_value_is_secret() -> None:
    told = ("HF_TOKEN", "db-password", "apiKeys", "SECRET_KEY", "AWS_SECRET_KEY")
    assert [name for name in told if not is_secret_name(name)] == []
    assert not is_secret_name("max_tokens")
    assert not is_secret_name("key")


def test_an_input_is_hidden_by_names_and_flags_too() -> None:
    given = {
        "password": "hunter2",
        "db": {"api_keys": "abcd", "max_tokens": 512, "tokenizer": "gpt2"},
        "command": ["curl", "--token", "abcdef", "-v", "https://a:bcd@h/"],
        "again": True,
        "pin": {"secret": 1234},
        "tokens": ["abcdef"],
        "passwords": ["hunter2", ["nested"], 7, "no", {"user": "bob"}],
    }
    assert json.loads(Redaction().json(json.dumps(given).encode())) == {
        "password": "[redacted]",
        "db": {"api_keys": "[redacted]", "max_tokens": 512, "tokenizer": "gpt2"},
        "command": ["curl", "--token", "[redacted]", "-v", "https://a:***@h/"],
        "again": True,
        "pin": {"secret": 1234},
        "tokens": ["abcdef"],
        "passwords": ["[redacted]", ["[redacted]"], 7, "no", {"user": "bob"}],
    }


def test_an_input_without_secrets_stays_byte_for_byte() -> None:
    raw = b'{"a": 1.50, "b": [ "c" ]}'
    assert Redaction().json(raw) == raw


def test_hiding_leaves_an_address_one_word_so_that_no_port_makes_a_new_incident() -> None:
    lines = [
        parameterise(Redaction().text(f"cannot reach https://u:pw{port}@h:{port}/x?token=a1b2c3d4"))
        for port in (8080, 9090)
    ]
    assert lines[0] == lines[1] == "cannot reach <url>"
