"""Undo records: on disk before a fault happens, and there until nothing is left of it.

    FOLDER/active/ID/record.json   what is about to happen, and all that undoing it needs
                     held          locked by the dead-man process for as long as the fault may act
                     holder.json   who the dead-man process is
                     seen.json     what it saw of the effect
                     in-daemon     something has to be put right that only a daemon can
                     effects       one line for each time that a worker met the fault
    FOLDER/past/ID/                the same afterwards, with outcome.json

Files, not rows: a store that is full or locked must not keep a fault alive, and whoever undoes one
needs no daemon.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from fnr.host.disk import fsync_folder, write_durably
from fnr.host.lock import Lock, wait_for_lock
from fnr.host.procfs import pid_start
from fnr.policy.chaos import Drilled, Injection, Outcome
from fnr.policy.used_up import is_used_up

PAST_MAX = 200
RECORD, HELD, HOLDER = "record.json", "held", "holder.json"
SEEN, EFFECTS, OUTCOME = "seen.json", "effects", "outcome.json"
# Room for what is seen is taken beforehand: the effect may be that there is none.
SEEN_BYTES = 4_096
# There while something has to be put right that only a daemon can.
IN_DAEMON = "in-daemon"


class Holder(Struct, frozen=True):
    """The dead-man process of an injection."""

    pid: int
    pid_start: int

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return pid_start(self.pid) == self.pid_start


class Effect(Struct, frozen=True, kw_only=True):
    """A worker met a fault; written by itself, before anything happens to it."""

    at_ms: int
    pid: int
    pid_start: int
    function: str = ""
    task_id: str = ""
    token: str = ""


def injection_folder(folder: str, injection_id: str) -> str:
    """Where an injection keeps its files while it is active."""
    return f"{folder}/active/{injection_id}"


def drill_lock_file(folder: str) -> str:
    """What the program holds that plays a drill, for as long as it does."""
    return f"{folder}/drill.lock"


def commit(injection: Injection, *, in_daemon: bool = False) -> None:
    """Put the undo record on disk; raises OSError, and then nothing may happen.

    in_daemon: a daemon has to put something right, which `settled_in_daemon` says it has.
    """
    path = Path(injection.folder)
    held = _made(path)
    try:
        (path / HELD).touch(mode=0o600)
        (path / EFFECTS).touch(mode=0o600)
        write_durably(str(path / SEEN), b" " * SEEN_BYTES)
        if in_daemon:
            (path / IN_DAEMON).touch(mode=0o600)
        write_durably(str(path / RECORD), msgspec.json.encode(injection))
        fsync_folder(str(path.parent))
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        held.release()


def _made(path: Path) -> Lock:
    """Make the folder and lock it: whoever looks at all injections removes half-made ones."""
    while True:
        path.mkdir(parents=True, mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            return wait_for_lock(str(path))


def settled_in_daemon(folder: str) -> None:
    """Whatever only a daemon can put right is right."""
    (Path(folder) / IN_DAEMON).unlink(missing_ok=True)


def read(folder: str) -> Injection | None:
    """The record in an injection's folder; None when it is not, or no longer, there.

    Raises OSError where no file descriptor, or no memory, is left to read it with.
    """
    try:
        return msgspec.json.decode((Path(folder) / RECORD).read_bytes(), type=Injection)
    except OSError as error:
        if is_used_up(error):
            raise
    except msgspec.MsgspecError:
        pass
    return None


def lock(folder: str) -> Lock | None:
    """Wait for the sole right to act on or undo this injection; None when it is over."""
    try:
        held = wait_for_lock(folder)
    except FileNotFoundError:
        return None
    if (Path(folder) / RECORD).exists():
        return held
    held.release()
    return None


def hold(folder: str) -> int:
    """Hold the fault for as long as we live; the descriptor to close when it is over."""
    fd = os.open(f"{folder}/{HELD}", os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def is_held(folder: str) -> bool:
    """Whether the dead-man process of this injection lives and has not let go."""
    fd = _open_held(folder)
    if fd is None:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def wait_until_over(folder: str) -> None:
    """Block in the kernel until the dead-man process lets go: no CPU, no I/O, no signal of life."""
    fd = _open_held(folder)
    if fd is not None:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)


def _open_held(folder: str) -> int | None:
    try:
        return os.open(f"{folder}/{HELD}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def note_effect(folder: str, effect: Effect) -> bool:
    """Write down that a fault is met now; False when it is over meanwhile."""
    try:
        fd = os.open(f"{folder}/{EFFECTS}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.write(fd, msgspec.json.encode(effect) + b"\n")
    finally:
        os.close(fd)
    return True


def effects(folder: str) -> list[Effect]:
    """Who met the fault, in the order it happened."""
    found, _ = effects_from(folder, 0)
    return found


def effects_from(folder: str, offset: int) -> tuple[list[Effect], int]:
    """Those that were written behind so many bytes, and behind how many the next ones will be."""
    try:
        with (Path(folder) / EFFECTS).open("rb") as file:
            file.seek(offset)
            whole, end, _ = file.read().rpartition(b"\n")
    except OSError:
        return [], offset
    found = []
    for line in whole.splitlines():
        with suppress(msgspec.MsgspecError):
            found.append(msgspec.json.decode(line, type=Effect))
    return found, offset + len(whole) + len(end)


def note_holder(folder: str) -> None:
    """Say that this very process is the dead-man of the injection."""
    me = Holder(os.getpid(), pid_start(os.getpid()) or 0)
    write_durably(f"{folder}/{HOLDER}", msgspec.json.encode(me))


def holder(folder: str) -> Holder | None:
    """The dead-man process; None when none has begun."""
    try:
        return msgspec.json.decode((Path(folder) / HOLDER).read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


def note_seen(injection: Injection, seen: Outcome) -> None:
    """Keep what was seen of the effect, for whoever undoes it if we are killed."""
    data = msgspec.json.encode(seen).ljust(SEEN_BYTES)
    with suppress(OSError), open(f"{injection.folder}/{SEEN}", "r+b", buffering=0) as file:  # noqa: PTH123 - in place
        file.write(data)
        os.fsync(file.fileno())


def seen(folder: str) -> Outcome:
    """What the dead-man process saw."""
    return _outcome(f"{folder}/{SEEN}") or Outcome()


def finish(injection: Injection, outcome: Outcome) -> None:
    """The injection is over: keep its record among the past ones.

    On a full disk the outcome cannot be written; moving the record needs no room.
    """
    here = Path(injection.folder)
    past = here.parents[1] / "past"
    with suppress(OSError):
        write_durably(str(here / OUTCOME), msgspec.json.encode(outcome))
    past.mkdir(mode=0o700, exist_ok=True)
    here.rename(past / here.name)
    fsync_folder(str(here.parent))
    for old in sorted(past.iterdir())[:-PAST_MAX]:
        shutil.rmtree(old, ignore_errors=True)


def active(folder: str) -> list[Injection]:
    """Injections of which something may be left, oldest first; half-made ones are removed."""
    found = []
    for path in _folders(f"{folder}/active"):
        injection = read(str(path))
        if injection is not None:
            found.append(injection)
        else:
            _remove_half_made(path)
    return found


def _remove_half_made(path: Path) -> None:
    """Killed before its record was whole: nothing has happened yet."""
    try:
        held = wait_for_lock(str(path))
    except FileNotFoundError:
        # Over since its folder was listed: it is among the past ones.
        return
    if not (path / RECORD).exists():
        shutil.rmtree(path, ignore_errors=True)
    held.release()


def history(folder: str) -> list[Drilled]:
    """Every injection that is known, latest first."""
    # By id: one that ends between the two looks is seen by both, and over.
    found: dict[str, Drilled] = {}
    for state, name in (("active", "active"), ("over", "past")):
        for path in _folders(f"{folder}/{name}"):
            injection = read(str(path))
            if injection is not None:
                drilled = Drilled(injection=injection, state=state, outcome=outcome(str(path)))
                found[injection.injection_id] = drilled
    return [found[injection_id] for injection_id in sorted(found, reverse=True)]


def outcome(folder: str) -> Outcome | None:
    """What became of an injection; None when that was never written."""
    return _outcome(f"{folder}/{OUTCOME}")


def _outcome(path: str) -> Outcome | None:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError):
        return None


def past_folder(injection: Injection) -> str:
    """Where an injection's files are when it is over."""
    return str(Path(injection.folder).parents[1] / "past" / injection.injection_id)


def _folders(path: str) -> list[Path]:
    try:
        return sorted(Path(path).iterdir())
    except FileNotFoundError:
        return []
