"""Look after the store's file itself: check, copy, put back, shrink.

Checking and copying read only and go on beside a running daemon; putting back and shrinking need
the file for themselves, and hold the daemon's lock meanwhile so that none can start.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fnr.api.errors import (
    BadData,
    FnrError,
    NotFound,
    PermissionDenied,
    ProtocolMismatch,
    Refused,
    StorageError,
)
from fnr.client.offline import opened
from fnr.client.store_errors import told_to_people
from fnr.config.paths import Paths
from fnr.host import disk
from fnr.host.at_once import ends_at_once
from fnr.host.clock import Clock
from fnr.host.lock import AlreadyHeld, hold_home, home_holder
from fnr.host.process import pid_start
from fnr.policy.record import Finding
from fnr.store import backup as copies
from fnr.store import check as checks
from fnr.store import tasks
from fnr.store.backup import CopyNotWritten, DamagedCopy
from fnr.store.drafts import forget_own_drafts
from fnr.store.same_file import real_file
from fnr.store.transaction import StoreNewer


def require(paths: Paths) -> None:
    """Raise when there is no store at its place."""
    if Path(paths.store_file).exists():
        return
    pid = home_holder(paths.lock_file)
    if pid is not None:
        raise StorageError(
            f"{paths.store_file} is not there",
            why=f"a daemon runs, pid {pid}: the file was removed, or is not made yet",
            next_step=f"{paths.command} status",
        )
    raise NotFound(
        "there is no store yet",
        why=f"nothing at {paths.store_file}",
        next_step=f"{paths.command} daemon start",
    )


def check(paths: Paths) -> list[Finding]:
    """Every broken invariant; none is the proof that the store is whole."""
    with ends_at_once(_nothing_to_clean), told_to_people(paths), opened(paths) as reader:
        return checks.check(reader)


def backup(paths: Paths, target: Path, *, damaged: bool = False) -> tuple[int, list[Finding]]:
    """Copy the store into a new file and check the copy; its size in bytes, what is wrong with it.

    damaged: the copy is kept although invariants are broken.
    """
    anyway = f"{paths.command} db backup --damaged {shlex.quote(str(target))}"
    with (
        ends_at_once(partial(forget_own_drafts, target)),
        told_to_people(paths),
        _told(f"the copy {target} was not kept", anyway, target),
    ):
        try:
            return copies.backup(
                paths.store_file,
                target,
                damaged=damaged,
                lives=lambda pid: pid_start(pid) is not None,
            )
        except FileExistsError as error:
            raise Refused(f"{target} exists already", why="a backup overwrites nothing") from error


def restore(paths: Paths, source: Path, *, damaged: bool = False) -> Path | None:
    """Put a copy in the store's place; where the store of before is, if there was one.

    damaged: although invariants are broken in the copy.
    """
    anyway = f"{paths.command} db restore --damaged {shlex.quote(str(source))}"
    Path(paths.state_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        ends_at_once(partial(forget_own_drafts, real_file(paths.store_file))),
        _alone(paths, "restored"),
        told_to_people(paths, copy=str(source)),
        _told(f"{source} cannot be restored", anyway),
    ):
        try:
            return copies.restore(paths.store_file, source, damaged=damaged)
        except StoreNewer as error:
            raise ProtocolMismatch(
                f"{source} is from a newer version of fnr",
                why=str(error),
                next_step="install that version",
            ) from error


def still_running(paths: Paths) -> int:
    """How many attempts go on in workers that a daemon has left; 0 also if nobody can tell."""
    try:
        with told_to_people(paths), opened(paths) as reader:
            attempts = [attempt for _, attempt in tasks.running(reader)]
    except FnrError:
        return 0  # what is restored because it is damaged
    boot_id = Clock().boot_id()
    return sum(one.boot_id == boot_id and pid_start(one.pid) == one.pid_start for one in attempts)


def vacuum(paths: Paths) -> tuple[int, int]:
    """Give the space of deleted rows back; bytes before and after."""
    with ends_at_once(_nothing_to_clean), _alone(paths, "vacuumed"), told_to_people(paths):
        return copies.vacuum(paths.store_file)


def refuse_while_running(paths: Paths, verb: str) -> None:
    """Raise Refused when a daemon has the store."""
    pid = home_holder(paths.lock_file)
    if pid is not None:
        raise _running(paths, verb, pid)


def _nothing_to_clean() -> None:
    """Whoever kills SQLite leaves nothing that it does not put right itself."""


@contextmanager
def _alone(paths: Paths, verb: str) -> Iterator[None]:
    try:
        lock = hold_home(paths.lock_file)
    except AlreadyHeld as held:
        raise _running(paths, verb, held.pid) from held
    try:
        yield
    finally:
        lock.release()


def _running(paths: Paths, verb: str, pid: int | None) -> Refused:
    return Refused(
        f"the store cannot be {verb} while the daemon runs",
        why=f"pid {pid} has it",
        next_step=f"{paths.command} daemon stop --drain",
    )


@contextmanager
def _told(what: str, anyway: str, target: Path | None = None) -> Iterator[None]:
    try:
        yield
    except CopyNotWritten as error:
        why = str(error)
        if target is not None and target.parent.is_dir() and disk.is_full(str(target.parent)):
            why = f"{why}; {disk.words_of_room(str(target.parent))}"
        raise (PermissionDenied if error.denied else StorageError)(what, why=why) from error
    except DamagedCopy as error:
        raise BadData(
            what,
            why="it is not a whole store" if error.readable else "it is no store, or cut off",
            next_step=anyway if error.readable else "",
            details=tuple(f"{f.invariant}: {f.what}" for f in error.findings[:10]),
        ) from error
