"""Changes wake the waiter; without inotify it waits its time and says so."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from host_programs import open_descriptors

from fnr.host.inotify import Inotify

LONG_MS = 50_000


def test_writing_to_a_watched_file_wakes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with Inotify() as watch:
        assert watch.file(str(file))
        assert not watch.wait(0)
        file.write_text("news")
        assert watch.wait(LONG_MS)
        assert not watch.wait(0), "all that happened is taken at once"


def test_a_new_name_in_a_watched_folder_wakes(tmp_path: Path) -> None:
    with Inotify() as watch:
        assert watch.folder(str(tmp_path))
        (tmp_path / "file").touch()
        assert watch.wait(LONG_MS)
        (tmp_path / "file").rename(tmp_path / ("x" * 255))
        assert watch.wait(LONG_MS)


def test_many_changes_are_one(tmp_path: Path) -> None:
    with Inotify() as watch:
        assert watch.folder(str(tmp_path))
        for number in range(500):
            (tmp_path / f"{number:0200}").touch()
        assert watch.wait(LONG_MS)
        assert not watch.wait(0)


def test_what_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with Inotify() as watch:
        assert not watch.file(str(tmp_path / "none"))
        assert not watch.folder(str(tmp_path / "none"))


def test_without_inotify_nothing_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Inotify() as watch:
        monkeypatch.setattr(watch, "_fd", -errno.EMFILE)
        assert not watch.working
        assert not watch.folder(str(tmp_path))
        (tmp_path / "file").touch()
        assert not watch.wait(1)
        monkeypatch.undo()


def test_its_descriptor_is_given_back() -> None:
    before = open_descriptors()
    with Inotify() as watch:
        assert len(open_descriptors()) == len(before) + 1
    assert not watch.working
    assert open_descriptors() == before
