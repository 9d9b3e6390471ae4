"""What the demo works on: copies of real files, and tasks that cannot go well."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import stat
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct, field

from fnr.api.errors import BadData
from fnr.cli.demo.faults import VAULT_SHARE, fraction_of
from fnr.cli.demo.object_store import VAULT
from fnr.policy.counted import counted

FILE_BYTES_MAX = 16 * 1024 * 1024
TOTAL_BYTES_MAX = 256 * 1024 * 1024
# Folders of the standard library that are not the library: its tests, and what pip put there.
_NOT_THE_LIBRARY = frozenset({"test", "tests", "idle_test", "site-packages", "__pycache__"})
# Of a copy, below a home that may have some hundred: Linux takes 255 and 4,095, .gz included.
NAME_CHARS_MAX = 240
PATH_CHARS_MAX = 3_000
NAME_END_CHARS = 20
# Tasks of each file: digest, compress, upload.
TASKS_PER_FILE = 3


class Source(Struct, frozen=True, kw_only=True):
    """One file of the demo: where its copy is, what is true of it, and where it is to be stored."""

    path: str
    key: str
    sha256: str
    size_bytes: int
    lines: int


class Sources(Struct, frozen=True, kw_only=True):
    """The chosen files.

    found: how many there were to choose from. left_out: too big, or not to be read.
    """

    files: list[Source]
    found: int
    left_out: int
    folder: str


class Trouble(Struct, frozen=True, kw_only=True):
    """A task that does not go well. comes_home: it recovers; otherwise it has to stay dead."""

    name: str
    function: str
    input: dict[str, object] = field(default_factory=dict)
    comes_home: bool = False


def standard_library() -> Path:
    """The folder of the running Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def copy_sources(folder: Path | None, target: Path, *, seed: int, files_max: int) -> Sources:
    """Copy at most `files_max` files, chosen by the seed, so that they cannot change meanwhile."""
    root = folder or standard_library()
    found = sorted(_library_files(root) if folder is None else _all_files(root))
    if not found:
        raise BadData(f"there is no file to work on in {root}", next_step="fnr demo")
    chosen = sorted(found, key=lambda name: fraction_of(seed, f"file {name}"))[:files_max]
    files, left_out, total_bytes = [], 0, 0
    for name in chosen:
        source = _copy(root / name, target, name, seed=seed)
        if source is None or total_bytes + source.size_bytes > TOTAL_BYTES_MAX:
            left_out += 1
            continue
        total_bytes += source.size_bytes
        files.append(source)
    if not files:
        raise BadData(
            f"no file in {root} can be used",
            why=f"{counted(len(chosen), 'file')}, too large (over {FILE_BYTES_MAX >> 20} MiB)"
            " or not to be read",
            next_step="fnr demo",
        )
    # At least one file needs the vault, or there would be nothing to repair and replay.
    if not any(_in_vault(file.key) for file in files):
        files[0] = _moved_to_vault(files[0])
    return Sources(files=files, found=len(found), left_out=left_out, folder=str(root))


def troubles(folder: Path, source: Source) -> list[Trouble]:
    """Tasks that cannot go well, and two that are killed; what they need is put into the folder."""
    folder.mkdir()
    cut = folder / "cut.py.gz"
    whole = gzip.compress(Path(source.path).read_bytes() or b"empty", mtime=0)
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    return [
        Trouble(name="missing file", function="digest", input={"path": str(folder / "gone.py")}),
        Trouble(name="a folder, not a file", function="digest", input={"path": str(folder)}),
        Trouble(
            name="truncated .gz",
            function="expand",
            input={"path": str(cut), "output": str(cut.with_suffix(""))},
        ),
        Trouble(name="key of a wrong type", function="upload",
                input={"path": source.path, "key": 42}),
        Trouble(name="over its memory limit", function="hungry", input={"mib": 4_096}),
        Trouble(name="never ends", function="endless"),
        Trouble(name="segmentation fault", function="crash"),
        Trouble(name="SIGKILL before the restart", function="patient", comes_home=True),
        Trouble(name="SIGKILL after the restart", function="patient", comes_home=True),
    ]  # fmt: skip


def _library_files(root: Path) -> Iterator[str]:
    for name in _all_files(root, leave_out=_NOT_THE_LIBRARY):
        if name.endswith(".py"):
            yield name


def _all_files(root: Path, *, leave_out: frozenset[str] = frozenset()) -> Iterator[str]:
    """Regular files below a folder, by their path in it; links are not followed."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in leave_out]
        for name in names:
            path = Path(folder, name)
            if _is_regular(path):
                yield path.relative_to(root).as_posix()


def _is_regular(path: Path) -> bool:
    """A file and no link; not what lies in a folder that we cannot enter."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _copy(path: Path, target: Path, name: str, *, seed: int) -> Source | None:
    """A copy under a name that any JSON can hold; None when the file cannot be used."""
    safe = _safe(name)
    copy = target / safe
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return None
        body = path.read_bytes()
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(body)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        return None
    bucket = VAULT if fraction_of(seed, f"vault {name}") < VAULT_SHARE else "open"
    return Source(
        path=str(copy),
        key=f"{bucket}/{safe}.gz",
        sha256=hashlib.sha256(body).hexdigest(),
        size_bytes=len(body),
        lines=body.count(b"\n"),
    )


def _safe(name: str) -> str:
    """Percent-encoded, and no part ends in .gz, or `a` would be compressed over `a.gz`.

    What gets too long by that, and by the .gz behind it, gives way to its hash and its end.
    """
    encoded = re.sub(r"\.gz(?=/|$)", "%2Egz", quote(os.fsencode(name)))
    if len(encoded) <= PATH_CHARS_MAX and all(
        len(part) <= NAME_CHARS_MAX for part in encoded.split("/")
    ):
        return encoded
    end = encoded.rpartition("/")[2][-NAME_END_CHARS:]
    return f"{hashlib.sha256(os.fsencode(name)).hexdigest()}-{end}"


def _in_vault(key: str) -> bool:
    return key.startswith(f"{VAULT}/")


def _moved_to_vault(source: Source) -> Source:
    return Source(
        path=source.path,
        key=f"{VAULT}/" + source.key.partition("/")[2],
        sha256=source.sha256,
        size_bytes=source.size_bytes,
        lines=source.lines,
    )
