"""Which keys of fnr.toml differ between two readings of it."""

from __future__ import annotations

from pathlib import Path

from fnr.config.changes import RESTART_KEYS, changed_keys
from fnr.config.load import PLAIN_TABLES, load
from fnr.config.paths import find_paths
from fnr.config.settings import Settings

BEFORE = """
[daemon]
queue_max = 5
[redact]
patterns = ["a+"]
[breakers.storage]
failures = 3
[breakers.gone]
failures = 3
[functions.work]
command = ["true"]
"""
AFTER = """
[log]
format = "json"
[redact]
patterns = ["a+"]
env_keys = ["X_*"]
[breakers.storage]
failures = 4
[functions.work]
command = ["false"]
"""


def read(home: Path, text: str) -> Settings:
    """The settings of an fnr.toml with this text."""
    (home / "fnr.toml").write_text(f"version = 1\n{text}")
    loaded = load(find_paths(str(home)))
    assert not loaded.problems
    return loaded.settings


def test_what_differs_is_named_as_in_the_file_and_functions_are_left_to_others(
    tmp_path: Path,
) -> None:
    before, after = read(tmp_path, BEFORE), read(tmp_path, AFTER)
    assert changed_keys(before, before) == []
    assert changed_keys(before, after) == [
        "breakers.gone",
        "breakers.storage",
        "daemon.queue_max",
        "log.format",
        "redact.env_keys",
    ]
    assert changed_keys(before, after) == changed_keys(after, before)


def test_keys_that_need_a_restart_exist() -> None:
    known = {f"{table}.{key}" for table, keys in PLAIN_TABLES.items() for key in keys}
    assert known >= RESTART_KEYS
