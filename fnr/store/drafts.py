"""A new file that appears under its name only when it is complete: until then it is a draft."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# What SQLite keeps beside a file of its own.
BESIDE = ("-wal", "-shm", "-journal")
_DRAFT = ".draft"


@contextmanager
def draft_beside(file: Path, lives: Callable[[int], bool]) -> Iterator[Path]:
    """An empty file for what may hold every input: for nobody else to read.

    Nobody else's draft, so that two who write to one place at once do not meet in it. Its name says
    whose it is: what somebody who was killed has left there is removed. lives: is there a process
    of this number, which may write a file of the same name at this moment?
    """
    forget_drafts(file, lambda maker: not lives(maker))
    descriptor, name = tempfile.mkstemp(_DRAFT, f".{file.name}.{os.getpid()}-", file.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        _remove(Path(name))


def appear(draft: Path, target: Path) -> None:
    """Give it its name; FileExistsError when a file of that name came into being meanwhile.

    A rename would replace that one, a link cannot; but some file systems have no links (FAT, some
    of a network): there the name is taken first.
    """
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        draft.replace(target)


def forget_drafts(file: str | Path, is_left: Callable[[int], bool]) -> None:
    """Remove the drafts of this name whose makers, by number, have left them."""
    file = Path(file)
    for draft in glob.glob(f"{glob.escape(str(file.with_name(f'.{file.name}.')))}*{_DRAFT}"):  # noqa: PTH207 - the name may hold any sign
        if (maker := _maker(draft, file.name)) and is_left(maker):
            _remove(Path(draft))


def forget_own_drafts(file: str | Path) -> None:
    """Remove those of this process, which ends in the middle of one."""
    forget_drafts(file, lambda maker: maker == os.getpid())


def _maker(draft: str, name: str) -> int:
    """The process that makes it, 0 when it is no draft of this very name."""
    pid, _, rest = Path(draft).name.removeprefix(f".{name}.").removesuffix(_DRAFT).partition("-")
    return int(pid) if pid.isdecimal() and "." not in rest else 0


def _remove(draft: Path) -> None:
    for name in (str(draft), *(f"{draft}{suffix}" for suffix in BESIDE)):
        Path(name).unlink(missing_ok=True)
