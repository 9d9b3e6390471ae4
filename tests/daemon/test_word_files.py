"""What the daemon writes for completion: what is there, what is not, and that it never hurts."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from live_home import LiveHome

from fnr.api.requests import GetTask, ReloadConfig
from fnr.daemon.word_files import WORD_CHARS_MAX, WORDS_MAX, as_lines
from fnr.host.inotify import FileWatch

TOML = """
[functions.fine]
command = ["true"]
[functions.broken]
command = ["false"]
retry = { max = 0, unknown_max = 0 }
"""


def words(home: LiveHome, kind: str) -> list[str]:
    text = Path(home.paths.words_dir, kind).read_text()
    return [line.partition("\t")[0] for line in text.splitlines()]


def test_a_daemon_that_ended_leaves_the_words_of_its_last_moment(live_home) -> None:  # noqa: ANN001
    home = live_home(TOML).up()
    done = home.fnr("submit", "fine", "--wait").stdout.strip()
    dead = home.fnr("submit", "broken", "--wait").stdout.strip()
    error = home.ask(GetTask(task_id=dead)).errors[-1]
    home.stop()
    assert set(words(home, "tasks")) == {done, dead}
    assert words(home, "tasks")[0] == dead
    assert words(home, "letters") == [dead]
    assert words(home, "errors") == [error.error_id]
    assert words(home, "functions") == ["fine", "broken"]
    assert len(words(home, "incidents")) == 1
