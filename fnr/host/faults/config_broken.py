"""A broken fnr.toml in the place of the good one, which waits beside the undo record."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fnr.host.disk import fsync_folder, write_durably
from fnr.policy.chaos import Injection

_BROKEN = b"# broken by fnr chaos, drill %s; it is put back when the drill ends\nversion = = 1\n"

_DRAFT = ".fnr-chaos"


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
    for draft in _drafts(injection):
        draft.unlink(missing_ok=True)


def residue(injection: Injection) -> str:
    """The broken file, or a draft of whoever was killed before it took its place."""
    drafts = ", ".join(map(str, _drafts(injection)))
    return proof(injection) or (f"still there: {drafts}" if drafts else "")


def _replace(place: str, data: bytes) -> None:
    """Another content, the same owner and mode."""
    stat = Path(place).stat()
    draft = f"{place}{_DRAFT}"
    write_durably(draft, data, mode=stat.st_mode & 0o7777)
    with suppress(PermissionError):
        os.chown(draft, stat.st_uid, stat.st_gid)
    Path(draft).replace(place)
    fsync_folder(str(Path(place).parent))


def _drafts(injection: Injection) -> list[Path]:
    """What `_replace` leaves beside the file when it is killed."""
    place = Path(injection.places["config"])
    name = f"{place.name}{_DRAFT}"
    return [
        path
        for path in place.parent.iterdir()
        if path.name == name or (path.name.startswith(f"{name}.") and path.suffix == ".tmp")
    ]


def _broken(injection: Injection) -> bytes:
    return _BROKEN % injection.drill_id.encode()


def _copy(injection: Injection) -> str:
    return f"{injection.folder}/fnr.toml"


def _reads(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None
