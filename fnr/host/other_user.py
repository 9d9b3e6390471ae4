"""Another user of this host whom we start programs as: who that is, and what we hand to them.

What they get lies in folders that belong to us, so that a name in there always means the file that
we made. Only in the folder that is theirs can a name mean anything, and what is read from it is
read with care.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from msgspec import Struct

_THROUGH = 0o011
_READ_BYTES = 1024 * 1024
# Of a tree that somebody else has made; deeper ones are left to whoever made them.
_DEPTH_MAX = 200


class OtherUser(Struct, frozen=True, kw_only=True):
    """A user who is not us."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str

    @property
    def environment(self) -> dict[str, str]:
        """What a login would have set; ours would name folders that are closed to them."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name, "SHELL": self.shell}


def other_user(name: str | None) -> OtherUser | None:
    """The user of that name, None when that is us; raises OSError when there is none."""
    if name is None:
        return None
    import pwd  # noqa: PLC0415 - needed by few

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise OSError(errno.EINVAL, "no such user", name) from None
    if entry.pw_uid == os.geteuid():
        return None
    return OtherUser(
        name=name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        groups=tuple(os.getgrouplist(name, entry.pw_gid)),
        home=entry.pw_dir or "/",
        shell=entry.pw_shell or "/bin/sh",
    )


def closed_on_the_way(path: str, user: OtherUser) -> str:
    """The first folder towards path that this user cannot enter; "" when there is none."""
    place = ""
    for part in os.path.realpath(path).split("/")[1:-1]:
        place = f"{place}/{part}"
        if not _may_enter(place, user):
            return place
    return ""


def _may_enter(folder: str, user: OtherUser) -> bool:
    found = os.stat(folder)  # noqa: PTH116 - pathlib costs 8 ms
    if found.st_uid == user.uid:
        bit = stat.S_IXUSR
    elif found.st_gid in {user.gid, *user.groups}:
        bit = stat.S_IXGRP
    else:
        bit = stat.S_IXOTH
    if found.st_mode & bit:
        return True
    # Whom an access list lets in is the kernel's to say, when the worker tries.
    with suppress(OSError):
        return bool(os.getxattr(folder, "system.posix_acl_access"))
    return False


def folder_to_pass(path: str) -> None:
    """A folder of ours that everybody may pass through, and nobody else may list or change."""
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)  # noqa: PTH102 - as above
    mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116 - as above
    if mode & _THROUGH != _THROUGH:
        os.chmod(path, mode | _THROUGH)  # noqa: PTH101 - as above


def folder_of_theirs(path: str, user: OtherUser) -> None:
    """A folder for this user alone."""
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)  # noqa: PTH102 - as above
    # Whoever made it may have died before it was handed over.
    if os.lstat(path).st_uid != user.uid:
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def file_of_theirs(path: str, user: OtherUser) -> None:
    """An empty file for this user alone, in a folder of ours."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        os.fchown(fd, user.uid, user.gid)
    finally:
        os.close(fd)


def read_from(path: str, uid: int | None, *, bytes_max: int) -> bytes:
    """At most so much of a file that this user keeps; uid None: it is one of our own.

    Raises OSError for anything but a regular file of that user's. A link could lead to a file that
    is only ours to read, a pipe would keep us waiting, a hard link may be to somebody else's file.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or uid not in {None, found.st_uid}:
            raise OSError(errno.EPERM, "not a regular file of that user's", path)
        parts, left = [], bytes_max
        while left and (part := os.read(fd, min(left, _READ_BYTES))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def remove_tree(path: str) -> None:
    """Remove a folder that somebody else may change meanwhile, as far as possible.

    What stands in its place, as a file or a link, goes as well.
    """
    with suppress(OSError):
        try:
            os.unlink(path)  # noqa: PTH108 - as above
        except IsADirectoryError:
            _empty(path, None, _DEPTH_MAX)
            os.rmdir(path)  # noqa: PTH106 - as above


def _empty(name: str, parent: int | None, depth_max: int) -> None:
    """Every name is looked up in a folder that is held open: none leads out of the tree."""
    folder = _opened(name, parent)
    try:
        for inside in os.listdir(folder):  # noqa: PTH208 - of an open folder
            try:
                os.unlink(inside, dir_fd=folder)
            except IsADirectoryError:
                if depth_max:
                    with suppress(OSError):
                        _empty(inside, folder, depth_max - 1)
                        os.rmdir(inside, dir_fd=folder)
            except OSError:
                continue
    finally:
        os.close(folder)


def _opened(name: str, parent: int | None) -> int:
    """A folder, held open and with the right to remove what is in it, if it is ours to give."""
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    # Even one that may not be listed.
    held = os.open(name, os.O_PATH | flags, dir_fd=parent)
    try:
        if os.fstat(held).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(PermissionError):
                os.chmod(f"/proc/self/fd/{held}", stat.S_IRWXU)  # noqa: PTH101 - as above
        return os.open(".", os.O_RDONLY | flags, dir_fd=held)
    finally:
        os.close(held)
