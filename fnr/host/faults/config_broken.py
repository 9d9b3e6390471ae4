"""A broken fnr.toml in the place of the good one, which waits beside the undo record."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fnr.host.disk import fsync_folder, write_durably
from fnr.policy.chaos import Injection

_BROKEN = b"# broken by fnr chaos, drill %s; it is put back when the drill ends\nversion = = 1\n"


def begin(injection: Injection) -> None:
    """Keep a copy on disk, then break the file."""
    place = injection.places["config"]
    write_durably(_copy(injection), Path(place).read_bytes())
    _replace(place, _broken(injection))


def proof(injection: Injection) -> str:
    """The file is the broken one."""
    place = injection.places["config"]
    return f"{place} is broken" if _reads(place) == _broken(injection) else ""


def undo(injection: Injection) -> None:
    """Put the copy back, unless somebody has written the file meanwhile."""
    place, good = injection.places["config"], _reads(_copy(injection))
    if good is not None and _reads(place) == _broken(injection):
        _replace(place, good)


def residue(injection: Injection) -> str:
    """The broken file."""
    return proof(injection)


def _replace(place: str, data: bytes) -> None:
    """Another content, the same owner and mode."""
    stat = Path(place).stat()
    draft = f"{place}.fnr-chaos"
    write_durably(draft, data, mode=stat.st_mode & 0o7777)
    with suppress(PermissionError):
        os.chown(draft, stat.st_uid, stat.st_gid)
    Path(draft).replace(place)
    fsync_folder(str(Path(place).parent))


def _broken(injection: Injection) -> bytes:
    return _BROKEN % injection.drill_id.encode()


def _copy(injection: Injection) -> str:
    return f"{injection.folder}/fnr.toml"


def _reads(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None
