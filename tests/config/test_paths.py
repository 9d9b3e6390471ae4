"""Where fnr keeps its files, and what decides it."""

from __future__ import annotations

import os
import pwd
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


def test_where_the_last_daemon_had_its_sockets_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    there, state = tmp_path / "there", tmp_path / ".local" / "state" / "fnr"
    state.mkdir(parents=True)
    (state / "sockets").symlink_to(there)
    login = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/run/user/1000"}
    cron = {"HOME": str(tmp_path)}
    found = [find_paths(environ=environ).run_dir for environ in (login, cron)]
    assert found == ["/run/user/1000/fnr", f"{state}/run"]
    there.mkdir()
    found = [find_paths(environ=environ).run_dir for environ in (login, cron)]
    assert found == [str(there), str(there)]


def test_relative_places_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon in the background stands elsewhere and would have found others."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    names = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
    relative = find_paths(environ={"HOME": "/h", **dict.fromkeys(names, "here")})
    plain = find_paths(environ={"HOME": "/h"})
    assert (relative.config_file, relative.store_file, relative.run_dir) == (
        plain.config_file,
        plain.store_file,
        plain.run_dir,
    )


def test_without_a_home_the_places_are_the_same_from_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container may run as a number that has neither HOME nor a line in /etc/passwd."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ours = pwd.getpwuid(os.getuid()).pw_dir
    for environ in ({}, {"HOME": ""}, {"HOME": "relative"}):
        assert find_paths(environ=environ).config_file == f"{ours}/.config/fnr/fnr.toml"
    unknown = next(uid for uid in range(60_000, 65_000) if not _is_known(uid))
    monkeypatch.setattr(os, "getuid", lambda: unknown)
    for environ in ({}, {"HOME": "/"}):
        assert find_paths(environ=environ).state_dir == "/.local/state/fnr"


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def test_a_relative_file_is_named_as_it_is_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_paths(None, "a.toml", {}).config_file == f"{tmp_path}/a.toml"
    assert find_paths(environ={"FNR_CONFIG": "b.toml"}).config_file == f"{tmp_path}/b.toml"


def test_in_a_folder_that_was_removed_a_relative_home_is_one_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert find_paths("rel", environ={}).store_file == "rel/state/fnr.db"
    assert find_paths(None, "rel.toml", environ={"FNR_HOME": "/h"}).config_file == "rel.toml"
