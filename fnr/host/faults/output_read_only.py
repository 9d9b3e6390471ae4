"""A folder in which nothing can be created: without write permission, and for root immutable."""

from __future__ import annotations

import array
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from fnr.host.disk import write_durably
from fnr.policy.chaos import Injection

_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602
_IMMUTABLE = 0x10
_WRITE_BITS = 0o222


def begin(injection: Injection) -> None:
    """Note mode and flags on disk, then take the permission away."""
    place = Path(injection.options["path"])
    mode = place.stat().st_mode & 0o7777
    write_durably(_note(injection), b"%o %d" % (mode, _flags(place) or 0))
    place.chmod(mode & ~_WRITE_BITS)
    flags = _flags(place)
    # Root needs no permission; an immutable folder stops even root.
    if os.geteuid() == 0 and flags is not None:
        _set_flags(place, flags | _IMMUTABLE)


def proof(injection: Injection) -> str:
    """A file cannot be created there."""
    probe = _probe(injection)
    try:
        probe.touch()
    except PermissionError as error:
        return f"creating a file fails: {error.strerror}"
    except OSError:
        return ""
    probe.unlink()
    return ""


def undo(injection: Injection) -> None:
    """Put mode and flags back as noted."""
    noted = _noted(injection)
    place = Path(injection.options["path"])
    if noted is None or not place.is_dir():
        return
    mode, flags = noted
    with suppress(OSError):
        if _flags(place) not in {None, flags}:
            _set_flags(place, flags)
    place.chmod(mode)
    # Left by a dead-man process that was killed while it looked.
    _probe(injection).unlink(missing_ok=True)


def residue(injection: Injection) -> str:
    """Mode or flags that are not as they were."""
    noted = _noted(injection)
    place = Path(injection.options["path"])
    if noted is None or not place.is_dir():
        return ""
    mode, flags = noted
    if place.stat().st_mode & 0o7777 != mode or (_flags(place) or 0) != flags:
        return f"{place} is not as it was: mode {mode:o}, flags {flags:#x}"
    return f"{_probe(injection)} is still there" if _probe(injection).exists() else ""


def _probe(injection: Injection) -> Path:
    return Path(injection.options["path"]) / f".fnr-chaos-{injection.injection_id}"


def _note(injection: Injection) -> str:
    return f"{injection.folder}/mode"


def _noted(injection: Injection) -> tuple[int, int] | None:
    try:
        mode, flags = Path(_note(injection)).read_text("ascii").split()
    except FileNotFoundError:
        return None
    return int(mode, 8), int(flags)


def _flags(place: Path) -> int | None:
    """Flags of the file system; None where it keeps none."""
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = array.array("l", [0])
        fcntl.ioctl(fd, _FS_IOC_GETFLAGS, found)
    except OSError:
        return None
    finally:
        os.close(fd)
    return found[0] & 0xFFFFFFFF


def _set_flags(place: Path, flags: int) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.ioctl(fd, _FS_IOC_SETFLAGS, array.array("l", [flags]))
    finally:
        os.close(fd)
