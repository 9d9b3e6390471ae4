"""Room is really taken and really given back; a file is there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from host_programs import running

from fnr.host import disk
from fnr.host.disk import free_mib, make_reserve, release_reserve, write_durably

MIB = 1024 * 1024


def test_free_room_is_what_the_file_system_says(tmp_path: Path) -> None:
    stat = os.statvfs(tmp_path)
    assert 0 <= free_mib(str(tmp_path)) <= stat.f_blocks * stat.f_frsize // MIB


def test_a_disk_with_room_and_no_inode_is_full_and_said_to_have_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """ "84 MiB free" stood beside "No space left on device"."""
    asked = os.statvfs(tmp_path)
    fields = {name: getattr(asked, name) for name in dir(asked) if name.startswith("f_")}
    for files, left, full in ((300, 0, True), (300, 1, False), (0, 0, False)):
        found = SimpleNamespace(
            **{**fields, "f_bavail": 1 << 20, "f_files": files, "f_favail": left}
        )
        monkeypatch.setattr(disk.os, "statvfs", lambda _, found=found: found)
        assert disk.is_full("/data") is full
        assert ("no inode for another file" in disk.words_of_room("/data")) is full


def test_a_reserve_occupies_its_blocks_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    make_reserve(str(path), 4)
    assert path.stat().st_size == 4 * MIB
    assert path.stat().st_blocks * 512 >= 4 * MIB
    made_at = path.stat().st_mtime_ns
    make_reserve(str(path), 4)
    assert path.stat().st_mtime_ns == made_at, "one that is there is left as it is"
    make_reserve(str(path), 1)
    assert path.stat().st_size == MIB
    assert release_reserve(str(path))
    assert not path.exists()
    assert not release_reserve(str(path))


def test_a_reserve_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    with pytest.raises(OSError) as caught:
        make_reserve(str(path), 2**40)
    assert caught.value.errno == errno.ENOSPC
    assert not path.exists()


def test_a_reserve_never_fills_the_disk_to_find_out_that_it_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[object] = []
    monkeypatch.setattr(disk.os, "posix_fallocate", lambda *given: taken.append(given))
    with pytest.raises(OSError, match="No space left"):
        make_reserve(str(tmp_path / "reserve"), 2**40)
    assert taken == []


def test_a_disk_that_fills_up_meanwhile_leaves_no_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.os, "posix_fallocate", _full)
    with pytest.raises(OSError, match="No space left"):
        make_reserve(str(tmp_path / "reserve"), 1)
    assert list(tmp_path.iterdir()) == []


def test_a_durable_write_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"old" * 1_000, b"", b"new"):
        write_durably(str(path), data)
        assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_path_without_a_folder_is_a_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_durably("file", b"data")
    assert (tmp_path / "file").read_bytes() == b"data"


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write_durably(str(path), b"old")
    monkeypatch.setattr(disk.os, step, _full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(str(path), b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_data_is_synced_before_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power loss between two steps must find the old file or all of the new one."""
    steps: list[str] = []
    folders: list[str] = []

    def recorded(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object) -> object:
            steps.append(name)
            return call(*args)

        return step

    real = disk.fsync_folder
    monkeypatch.setattr(disk, "fsync_folder", lambda path: (folders.append(path), real(path)))
    for name in ("fsync", "rename", "write"):
        monkeypatch.setattr(disk.os, name, recorded(name, getattr(os, name)))
    write_durably(str(tmp_path / "file"), b"data")
    assert steps == ["write", "fsync", "rename", "fsync"]
    assert folders == [str(tmp_path)]


def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    code = """
import fnr.host.disk as disk
path, step = sys.argv[1], sys.argv[2]
disk.write_durably(path, b"old")
setattr(os, step, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
disk.write_durably(path, b"new")
"""
    for step, expected in [("write", b"old"), ("fsync", b"old"), ("rename", b"old")]:
        path = tmp_path / step
        with running(code, path, step, fnr=True) as program:
            assert program.end().signal == 9
        assert path.read_bytes() == expected
