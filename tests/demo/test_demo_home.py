"""The demo's home: a configuration without problems, and sockets whose paths fit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from fnr.api.errors import ConfigError, StorageError
from fnr.cli.demo import home as homes
from fnr.cli.demo.home import fnr_toml, make_home
from fnr.cli.stage.home import environment
from fnr.config.load import PLAIN_TABLES, load
from fnr.config.paths import SOCKET_PATH_BYTES_MAX


@pytest.mark.parametrize("gzip", ["/usr/bin/gzip", None])
def test_the_configuration_has_no_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gzip: str | None
) -> None:
    monkeypatch.setattr(homes.shutil, "which", lambda _: gzip)
    home = homes.Home(tmp_path)
    home.configure(port=4711)
    loaded = load(home.paths, environ={})
    assert loaded.problems == ()
    functions = loaded.settings.functions
    assert set(functions) >= {"digest", "compress", "upload"}
    assert functions["upload"].env["FNR_DEMO_PORT"] == "4711"
    assert functions["compress"].command[-1] == "{path}"
    assert functions["hungry"].limits.memory_mib == 256


def test_braces_in_the_path_of_a_program_are_no_placeholders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(homes.shutil, "which", lambda _: "/opt/{x}/gzip")
    text = fnr_toml(folder="/", marks="/marks", port=1)
    assert '"/opt/{{x}}/gzip", "-k", "-f", "-n", "{path}"' in text


def test_where_the_usual_place_is_too_deep_a_shorter_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    home = make_home(None)
    try:
        assert len(os.fsencode(home.paths.worker_socket_file)) <= SOCKET_PATH_BYTES_MAX
    finally:
        home.remove()
    assert not home.root.exists()


def test_a_place_that_was_asked_for_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make_home(f"/{'d' * 120}")
    assert str(SOCKET_PATH_BYTES_MAX) in caught.value.why

    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        make_home(os.path.relpath(tmp_path / "file"))


def test_a_place_that_fnr_toml_cannot_name_is_refused_or_another_one_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = tempfile.mkdtemp(prefix="d-\udcff")
    monkeypatch.setattr(tempfile, "tempdir", parent)
    try:
        with pytest.raises(ConfigError, match="cannot be described"):
            make_home(parent)
        home = make_home(None)
        home.remove()
        assert str(home.root).isascii()
        assert not [*Path(parent).iterdir()]
    finally:
        Path(parent).rmdir()


def test_settings_from_outside_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"FNR_{table}_{key}".upper() for table, keys in PLAIN_TABLES.items() for key in keys]
    assert {"FNR_LOG_LEVEL", "FNR_CHAOS_ENABLED"} < {*keys}
    for name in ("FNR_HOME", "FNR_CONFIG", "NOTIFY_SOCKET", *keys):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("FNR_TEST_MARK", "1")
    assert "/elsewhere" not in environment().values()
    assert environment()["FNR_TEST_MARK"] == "1"
