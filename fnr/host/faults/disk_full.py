"""ENOSPC for real: a file becomes the kernel's full device, a small file system gets a balloon.

A file system that others use is never filled: only one of at most 4 GiB is.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fnr.policy.chaos import Injection

FULL_DEVICE = "/dev/full"
_GIB = 1 << 30
SIZE_BYTES_MAX = 4 * _GIB
_FULL = os.strerror(errno.ENOSPC)


def begin(injection: Injection) -> None:
    """Put the real file aside and the full device in its place; or blow the balloon up."""
    place = Path(injection.options["path"])
    if place.is_dir():
        _fill(place, _balloon(injection, place))
        return
    if place.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link already", str(place))
    if place.exists():
        place.rename(_aside(injection, place))
    place.symlink_to(FULL_DEVICE)


def proof(injection: Injection) -> str:
    """Writing there fails with ENOSPC; a balloon is only there whole when it met just that.

    No second look at a folder: the daemon gives its reserve back as soon as it meets a full disk.
    """
    place = Path(injection.options["path"])
    if place.is_dir():
        taken_mib = _balloon(injection, place).stat().st_size / (1 << 20)
        return f"{taken_mib:.1f} MiB taken, then writing in {place} failed: {_FULL}"
    try:
        with place.open("ab", buffering=0) as file:
            file.write(b"x" * 65_536)
    except OSError as error:
        return f"writing {place} fails: {error.strerror}" if error.errno == errno.ENOSPC else ""
    return ""


def fills(injection: Injection, folder: str) -> bool:
    """Whether this folder has no room for as long as the fault acts."""
    place = injection.options.get("path", "")
    if injection.fault != "disk-full" or not Path(place).is_dir():
        return False
    return Path(place).stat().st_dev == Path(folder).stat().st_dev


def undo(injection: Injection) -> None:
    """Take the device away, put the file back, let the balloon go.

    A file that has been renamed to this place meanwhile stays: it would have replaced the old one.
    """
    place = Path(injection.options["path"])
    if place.is_dir():
        _balloon(injection, place).unlink(missing_ok=True)
    if place.is_symlink() and str(place.readlink()) == FULL_DEVICE:
        place.unlink()
    aside = _aside(injection, place)
    if aside.exists() and not place.exists():
        aside.rename(place)
    elif aside.exists():
        aside.unlink()


def residue(injection: Injection) -> str:
    """What is not as it was."""
    place = Path(injection.options["path"])
    if place.is_symlink() and str(place.readlink()) == FULL_DEVICE:
        return f"{place} is still {FULL_DEVICE}"
    left = [str(path) for path in (_aside(injection, place), _balloon(injection, place))]
    there = [path for path in left if Path(path).exists()]
    return f"still there: {', '.join(there)}" if there else ""


def _fill(place: Path, balloon: Path) -> None:
    stat = os.statvfs(place)
    size_bytes = stat.f_blocks * stat.f_frsize
    if size_bytes > SIZE_BYTES_MAX:
        raise OSError(
            errno.EFBIG,
            f"its file system has {size_bytes // _GIB} GiB and others use it; only one of at most"
            f" {SIZE_BYTES_MAX // _GIB} GiB is filled",
            str(place),
        )
    fd = os.open(balloon, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        block = b"\0" * (1 << 20)
        while block:
            try:
                os.write(fd, block)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                block = block[: len(block) // 2]
    finally:
        os.close(fd)


def _aside(injection: Injection, place: Path) -> Path:
    # Its own name may be as long as names can be.
    return place.with_name(f".fnr-chaos-aside-{injection.injection_id}")


def _balloon(injection: Injection, place: Path) -> Path:
    return place / f".fnr-chaos-balloon-{injection.injection_id}"
