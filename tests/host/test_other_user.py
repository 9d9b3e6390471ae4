"""What another user keeps is read and removed without being led astray by it."""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from fnr.host.other_user import (
    OtherUser,
    closed_on_the_way,
    file_of_theirs,
    folder_of_theirs,
    folder_to_pass,
    other_user,
    read_from,
    remove_tree,
)

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may hand files to somebody else")
STRANGER = OtherUser(
    name="stranger", uid=54_321, gid=54_322, groups=(54_323,), home="/", shell="/bin/sh"
)


def test_we_are_no_other_user() -> None:
    assert other_user(None) is None
    assert other_user(pwd.getpwuid(os.geteuid()).pw_name) is None
    with pytest.raises(OSError, match="no such user"):
        other_user("no-such-user")


def test_a_regular_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_from(str(path), os.geteuid(), bytes_max=1_000) == b"x" * 100
    assert read_from(str(path), None, bytes_max=7) == b"x" * 7


def test_a_link_a_pipe_and_a_folder_are_not_read(tmp_path: Path) -> None:
    """A pipe that nobody writes to would keep whoever opens it waiting for ever."""
    (tmp_path / "real").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(OSError, match=r"Too many levels|not a regular file"):
            read_from(str(tmp_path / name), None, bytes_max=10)


@AS_ROOT
def test_a_file_of_somebody_else_is_not_read(tmp_path: Path) -> None:
    """As by a hard link to it, which needs no right to read."""
    secret, link = tmp_path / "secret", tmp_path / "link"
    secret.write_text("secret")
    link.hardlink_to(secret)
    with pytest.raises(PermissionError):
        read_from(str(link), STRANGER.uid, bytes_max=10)
    os.chown(secret, STRANGER.uid, -1)
    assert read_from(str(link), STRANGER.uid, bytes_max=10) == b"secret"


@AS_ROOT
def test_what_is_theirs_is_for_them_alone(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file_of_theirs(str(file), STRANGER)
    folder.mkdir(mode=0o700)  # as if whoever made it had died before it was handed over
    folder_of_theirs(str(folder), STRANGER)
    for path, mode in ((file, 0o600), (folder, 0o700)):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (54_321, 54_322, mode)


def test_a_file_is_not_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="Too many levels"):
        file_of_theirs(str(tmp_path / "link"), STRANGER)
    assert not (tmp_path / "elsewhere").exists()


def test_the_first_closed_folder_is_named(tmp_path: Path) -> None:
    way = tmp_path.resolve() / "a" / "b" / "c"
    way.mkdir(parents=True)
    for folder in (*reversed(way.parents), way):
        if tmp_path.resolve() in (folder, *folder.parents):
            folder_to_pass(str(folder))
    closed = closed_on_the_way(str(way / "file"), STRANGER)
    assert not closed.startswith(str(tmp_path.resolve()))
    (tmp_path / "a" / "b").chmod(0o750)
    if not closed:
        assert closed_on_the_way(str(way / "file"), STRANGER) == str(way.parent)


@AS_ROOT
@pytest.mark.parametrize(("uid", "gid"), [(54_321, 0), (0, 54_322), (0, 54_323)])
def test_owner_and_groups_may_enter(tmp_path: Path, uid: int, gid: int) -> None:
    """Method: the outcome may change by the last folder only, whatever lies above tmp_path."""
    folder = tmp_path.resolve() / "folder"
    folder.mkdir(mode=0o710)
    folder.chmod(0o710)
    above = closed_on_the_way(str(folder), STRANGER)
    os.chown(folder, uid, gid)
    assert closed_on_the_way(str(folder / "file"), STRANGER) == above


def test_a_tree_is_removed_and_what_its_links_lead_to_is_not(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    tree = tmp_path / "tree"
    deep = tree.joinpath(*["d"] * 150)
    deep.mkdir(parents=True)
    (deep / "file").write_text("goes")
    (deep / "link").symlink_to(kept)
    os.mkfifo(tree / "pipe")
    remove_tree(str(tree))
    assert not tree.exists()
    for itself in (tmp_path / "file", tmp_path / "link"):
        itself.symlink_to(kept) if itself.name == "link" else itself.touch()
        remove_tree(str(itself))
        assert not itself.is_symlink() and not itself.exists()
    assert (kept / "file").read_text() == "kept"


def test_a_tree_that_its_owner_may_not_change_is_removed(tmp_path: Path) -> None:
    """As a cache of modules is that is kept from being edited. Root may change all: it gives that
    right up in a process of its own."""
    tree = tmp_path / "tree"
    for mode in (0o555, 0o333, 0o000):
        folder = tree / oct(mode)
        folder.mkdir(parents=True)
        (folder / "file").touch()
        folder.chmod(mode)
    tree.chmod(0o555)
    program = f"from fnr.host.other_user import remove_tree; remove_tree({str(tree)!r})"
    subprocess.run([sys.executable, "-c", program], check=True, preexec_fn=_be_like_others)
    assert not tree.exists()


def _be_like_others() -> None:
    """Without the capabilities by which root passes every mode (CAP_DAC_OVERRIDE, _READ_SEARCH)."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


def test_a_tree_of_any_depth_ends_nobody(tmp_path: Path) -> None:
    """Deeper than Python may call itself."""
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=place)
        inside = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inside
    os.close(place)
    remove_tree(str(tmp_path / "d"))
    assert (tmp_path / "d").exists()
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)
