"""Where fnr keeps its files, and what decides it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fnr.config.paths import find_paths


def test_home_beats_the_environment(tmp_path: Path) -> None:
    paths = find_paths(str(tmp_path), environ={"FNR_HOME": "/elsewhere"})
    assert (paths.home, paths.origin) == (str(tmp_path), "--home")
    assert paths.store_file == f"{tmp_path}/state/fnr.db"
    assert paths.socket_file == f"{tmp_path}/run/fnr.sock"


def test_the_environment_names_home_and_file() -> None:
    paths = find_paths(environ={"FNR_HOME": "/srv/fnr", "FNR_CONFIG": "/etc/other.toml"})
    assert (paths.home, paths.origin) == ("/srv/fnr", "FNR_HOME")
    assert paths.config_file == "/etc/other.toml"


def test_root_uses_the_systems_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    paths = find_paths(environ={})
    assert paths.config_file == "/etc/fnr/fnr.toml"
    assert paths.socket_file == "/run/fnr/fnr.sock"
    assert paths.store_file == "/var/lib/fnr/fnr.db"


def test_users_have_their_own_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    paths = find_paths(environ={"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run/user/1000"})
    assert paths.config_file == "/home/ann/.config/fnr/fnr.toml"
    assert paths.socket_file == "/run/user/1000/fnr/fnr.sock"
    assert find_paths(environ={"HOME": "/h"}).run_dir == "/h/.local/state/fnr/run"
