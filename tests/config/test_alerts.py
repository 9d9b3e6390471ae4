"""The [alerts.NAME] tables: whom to tell what, and how they are reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.config.alerts import WORDS, filled
from fnr.config.load import Loaded, load
from fnr.config.paths import find_paths

Load = Callable[[str], Loaded]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Loaded:
        (tmp_path / "fnr.toml").write_text(text)
        return load(find_paths(str(tmp_path), environ={}), environ={})

    return write_and_load


def test_every_key_is_read(loaded: Load) -> None:
    found = loaded("""
[alerts.ops]
webhook = "https://chat.example.org/hooks/1"
headers_env = { Authorization = "OPS_TOKEN" }
severity = "alert"
functions = ["render-*"]
every = "1h"
pause = "0s"
timeout = "5s"
[alerts.team]
mail = ["a@example.org", "b@example.org"]
smtp = "127.0.0.1:25"
sender = "fnr@example.org"
[alerts.desk]
command = ["notify-send", "-u", "{severity}", "{title}", "{{}}"]
""")
    assert found.problems == ()
    ops, team, desk = found.settings.alerts.values()
    assert (ops.webhook, ops.headers_env) == (
        "https://chat.example.org/hooks/1",
        {"Authorization": "OPS_TOKEN"},
    )
    assert (ops.severity, ops.functions, ops.every_ms) == ("alert", ("render-*",), 3_600_000)
    assert (ops.pause_ms, ops.timeout_ms) == (0, 5_000)
    assert ops.channel.every_ms == ops.every_ms
    assert (team.mail, team.smtp) == (("a@example.org", "b@example.org"), "127.0.0.1:25")
    assert filled(desk.command, dict.fromkeys(WORDS, "x y")) == [
        "notify-send", "-u", "x y", "x y", "{}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "has none of command, webhook, mail"),
        ('command = ["a"]\nmail = "a@b"', "has command and mail: exactly one"),
        ("command = []", "must name a program"),
        ('command = ["a", "{titel}"]', "{titel} is none of {title}, {text}"),
        ('command = ["a", "{"]', "has a single brace"),
        ('webhook = "chat.example.org"', "no URL that begins with http"),
        ('webhook = "https://u:p@chat.example.org/"', "must have no user and password in it"),
        ('webhook = "http://a/"\nsmtp = "a:25"', "is for channels with mail"),
        ('webhook = "http://a/"\nheaders_env = { "A B" = "X" }', "'A B' is no name"),
        ('webhook = "http://a/"\nheaders_env = { A = "B C" }', "'B C' is no name"),
        ('webhook = "http://a/"\nheaders_env = ["A"]', "must be a table of variables"),
        ('mail = "nobody"', "'nobody' is no mail address"),
        ("mail = []", "'' is no mail address"),
        ('mail = "a@b\\nBcc: c@d"', "is no mail address"),
        ('mail = "a@b"\nsmtp = "mailhost"', 'must be "host:port"'),
        ('mail = "a@b"\nseverity = "loud"', "must be notice or warning or alert or critical"),
        ('mail = "a@b"\nevery = 15', "needs a unit"),
        ('mail = "a@b"\nevry = "15m"', "did you mean 'every'?"),
    ],
)
def test_a_mistake_is_explained(loaded: Load, body: str, problem: str) -> None:
    [only] = [one.message for one in loaded(f"[alerts.ops]\n{body}\n").problems]
    assert problem in only


def test_a_name_and_a_shape(loaded: Load) -> None:
    assert "a name is" in loaded('[alerts."A B"]\nmail = "a@b"\n').problems[0].message
    assert "must be tables" in loaded("alerts = 3\n").problems[0].message
    many = "".join(f'[alerts.c{n}]\nmail = "a@b"\n' for n in range(51))
    assert "51 channels; at most 50" in loaded(many).problems[0].message


@given(words=st.fixed_dictionaries({word: st.text() for word in WORDS}))
def test_words_of_a_message_are_never_placeholders(words: dict[str, str]) -> None:
    assert filled(tuple(f"{{{word}}}" for word in WORDS), words) == [words[w] for w in WORDS]
