"""What the daemon writes for completion: what is there, what is not, and that it never hurts."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from live_home import LiveHome
from test_rules_live import lens, write_rules
from test_task_life import HomeAt, end_of, function, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers
from fnr.daemon.word_files import WORD_CHARS_MAX, WORDS_MAX, as_lines
from fnr.host.inotify import Inotify
from fnr.policy.breaker import BreakerState

BAD = {"kind": "RuntimeError", "message": "no lens in attic"}
PATIENCE_MS = 20_000


def words(home: LiveHome, kind: str) -> list[str]:
    file = Path(home.paths.words_dir, kind)
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.partition("\t")[0] for line in lines]


def wait_for(home: LiveHome, kind: str, word: str | None = None) -> None:
    """Until the daemon has written a word, or any."""
    with Inotify() as changes:
        changes.folder(home.paths.words_dir)
        while word not in (known := words(home, kind)) and (word or not known):
            assert changes.wait(PATIENCE_MS), f"{word} is not among the {kind}"


def test_the_words_follow_the_work_and_outlive_the_daemon(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail")).up()
    first = submit(home, "bad", BAD)
    end_of(home, first)
    wait_for(home, "letters", first)
    wait_for(home, "functions", "bad")
    wait_for(home, "workers")  # each kind is a file of its own
    assert words(home, "functions") == ["bad"]
    assert len(words(home, "workers")) == 1
    last = submit(home, "bad", BAD)
    end_of(home, last)
    assert home.end() == 0
    assert words(home, "tasks") == [last, first]
    assert set(words(home, "letters")) == {first, last}
    assert len(words(home, "errors")) >= 2
    [incident] = words(home, "incidents")
    assert incident.startswith("2:")
    assert words(home, "workers") == []


def test_a_reload_brings_new_functions_and_rules(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail")).up()
    wait_for(home, "functions", "bad")
    home.write(function("other", "fail"))
    write_rules(home, lens("validation"))
    home.ask(ask.ReloadConfig())
    wait_for(home, "rules", "studio/lens")
    assert words(home, "functions") == ["other"]
    assert words(home, "rules")[0] == "studio/lens", "the operator's own come first"


def test_breakers_of_services_that_no_function_declares_are_among_the_words(
    home_at: HomeAt,
) -> None:
    """Those that only have a table of numbers, or are of guarded calls, are in the store alone."""
    toml = "[breakers.gateway]\nfailures = 3\n" + function("bad", "fail", 'services = ["storage"]')
    home = home_at(toml).up()
    wait_for(home, "breakers", "gateway")
    assert "storage" in words(home, "breakers")
    home.ask(ForceBreakers(names=["gateway"], state=BreakerState.FORCED_OPEN, for_ms=60_000))
    assert home.end() == 0
    assert "gateway\tforced open\n" in Path(home.paths.words_dir, "breakers").read_text()


def test_a_folder_that_cannot_be_written_harms_nothing(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail"))
    Path(home.paths.state_dir).mkdir()
    Path(home.paths.words_dir).write_text("in the way")
    home.up()
    end_of(home, submit(home, "bad", BAD))
    assert home.ask(ask.GetStatus()).problems == []
    assert home.end() == 0
    assert Path(home.paths.words_dir).read_text() == "in the way"


@given(st.lists(st.tuples(st.text(), st.text(max_size=20))))
def test_a_line_is_a_word_that_can_be_typed(pairs: list[tuple[str, str]]) -> None:
    lines = as_lines(pairs).decode().splitlines()
    kept = [line.split("\t") for line in lines]
    assert all(word and not word.startswith("-") for word, _ in kept)
    assert all(char.isprintable() for line in kept for text in line for char in text)
    assert [tuple(line) for line in kept] == [pair for pair in pairs if list(pair) in kept]


def test_words_are_bounded() -> None:
    assert as_lines([("x" * (WORD_CHARS_MAX + 1), "")]) == b""
    assert as_lines([("x", "")] * 10_000).count(b"\n") == WORDS_MAX
    assert (
        as_lines([("a\x1b[2Jb", ""), ("right", "to\u202eleft"), ("good", "fine")])
        == b"good\tfine\n"
    )
