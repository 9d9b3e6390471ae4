"""Build every part, run until told to stop, and leave in good order.

SIGTERM drains, a second one hurries, SIGHUP reloads. A SIGKILL needs nothing from us: the lock is
the kernel's, the store is on disk, and workers go on until the next daemon adopts them.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fnr.api.errors import (
    ConfigError,
    FnrError,
    PermissionDenied,
    ProtocolMismatch,
    Refused,
    StorageError,
    TryAgain,
)
from fnr.config.gone_file import BUILT_IN_FUNCTIONS, WHY_GONE, file_is_gone
from fnr.config.paths import SOCKET_PATH_BYTES_MAX, Paths, is_utf_8, why_not_made
from fnr.config.settings import Settings
from fnr.daemon import logs
from fnr.daemon.answers import Answers
from fnr.daemon.broadcast import Broadcast
from fnr.daemon.clients import Clients
from fnr.daemon.crew import Crew
from fnr.daemon.doors import Doors
from fnr.daemon.last_wait import run_to_the_end
from fnr.daemon.old_logs import OldLogs
from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.daemon.store_files import why_ill
from fnr.daemon.word_files import WordFiles
from fnr.host import disk, limits, process
from fnr.host.clock import Clock, Dice, Ulids
from fnr.host.failpoint import failpoint
from fnr.host.kernel_log import KernelLog
from fnr.host.lock import AlreadyHeld, Lock, hold_home
from fnr.host.memory import share_one_arena
from fnr.host.systemd import is_journal, sd_notify, watchdog_interval_ms
from fnr.policy.counted import counted
from fnr.store import functions
from fnr.store.connection import Store, StoreBusy, StoreFull, StoreIll, StoreNewer
from fnr.store.drafts import forget_drafts
from fnr.store.same_file import real_file

LoadSettings = Callable[[], Settings]

UNDO_AGAIN_MS = 5_000


def run(
    paths: Paths,
    settings: Settings,
    *,
    load: LoadSettings,
    log_file: str | None = None,
    flags: tuple[str, ...] = (),
) -> int:
    """Run the daemon in the foreground; returns the exit code. Raises FnrError.

    load: reads the configuration again for a reload; raises ConfigError with all its problems.
    flags: the words on its command line that settings and load have heeded.
    """
    # What was loaded is no garbage.
    gc.freeze()
    share_one_arena()
    make_folders(paths)
    try:
        lock = hold_home(paths.lock_file)
    except AlreadyHeld as held:
        raise Refused(
            "another daemon runs on this home",
            why=str(held),
            next_step="fnr status",
        ) from None
    try:
        logs.set_up(settings.log, file=log_file, journal=is_journal(2))
        if paths.origin == "XDG":
            _remember_run_dir(paths)
        # Nobody restores a store while we have it: these are of one that was killed.
        forget_drafts(real_file(paths.store_file), lambda _maker: True)
        limits.raise_file_limit(limits.FILES_WANTED)
        process.become_subreaper()
        return run_to_the_end(_serve(paths, settings, load, lock, flags))
    finally:
        lock.release()


def make_folders(paths: Paths) -> None:
    """Create what is missing; the error names the folder."""
    if not is_utf_8(paths.worker_socket_file):
        raise ConfigError(
            f"the path {paths.worker_socket_file!r} is not UTF-8",
            why="nobody could be told where it is",
            next_step="choose another --home",
        )
    if len(os.fsencode(paths.worker_socket_file)) > SOCKET_PATH_BYTES_MAX:
        raise ConfigError(
            f"the socket path {paths.worker_socket_file} is too long",
            why=f"{len(os.fsencode(paths.worker_socket_file))} bytes, the kernel takes"
            f" {SOCKET_PATH_BYTES_MAX}",
            next_step="choose a shorter --home",
        )
    for folder in (
        paths.state_dir,
        paths.run_dir,
        paths.log_dir,
        paths.spool_dir,
        paths.crash_dir,
        f"{paths.run_dir}/now",
    ):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        except PermissionError as error:
            raise PermissionDenied(
                f"{folder} cannot be created", why=str(error), next_step="fnr --home DIR daemon"
            ) from error
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be created", why=why_not_made(folder, error)
            ) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _not_writable(folder)


def _remember_run_dir(paths: Paths) -> None:
    """Who has another XDG_RUNTIME_DIR, or none, finds us all the same."""
    link, draft = Path(paths.sockets_link), Path(f"{paths.sockets_link}.draft")
    try:
        draft.unlink(missing_ok=True)
        draft.symlink_to(paths.run_dir)
        draft.replace(link)
    except OSError as error:
        log.warning("%s cannot be written: %s", link, error.strerror or error)


def _not_writable(folder: str) -> FnrError:
    what = f"{folder} cannot be written"
    if disk.is_read_only(folder):
        mount = disk.mount_of(folder)
        return StorageError(
            what,
            why=f"the file system at {mount} is mounted read-only",
            next_step=f"mount -o remount,rw {shlex.quote(mount)}",
        )
    return PermissionDenied(what, why="no write permission")


def _close_to_others(paths: Paths) -> None:
    """The store's files hold every input; old versions made them as the umask said."""
    for store in (paths.store_file, paths.telemetry_file):
        for file in (store, f"{store}-wal", f"{store}-shm"):
            try:
                mode = disk.close_to_others(file)
            except OSError as error:
                log.warning("others may read %s: %s", file, error.strerror or error)
                continue
            if mode is not None:
                log.warning("others could read %s (mode %04o): its mode is 0600 now", file, mode)


async def open_store(paths: Paths) -> Store:
    """The store, or an error for people."""
    try:
        try:
            return await Store.open(paths.store_file, commit_hook=_around_commit)
        except (StoreFull, StoreIll):
            # SQLite needs some room to open it: what was set aside is for such a day.
            if not (disk.is_full(paths.state_dir) and disk.release_reserve(paths.reserve_file)):
                raise
        return await Store.open(paths.store_file, commit_hook=_around_commit)
    except StoreNewer as error:
        raise ProtocolMismatch(
            "the store is from a newer version of fnr",
            why=str(error),
            next_step="install that version, or choose another --home",
        ) from error
    except StoreBusy as error:
        raise TryAgain("the store is locked by another program", why=str(error)) from error
    except (StoreFull, StoreIll) as error:
        raise StorageError(
            "the store cannot be opened",
            why=f"{why_ill(paths, error)}; {disk.words_of_room(paths.state_dir)}",
            next_step="fnr db check",
        ) from error


async def _serve(
    paths: Paths, settings: Settings, load: LoadSettings, lock: Lock, flags: tuple[str, ...]
) -> int:
    clock, dice = Clock(), Dice()
    hung_up = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up.set)
    _close_to_others(paths)
    lost = _is_lost(paths)
    store = await open_store(paths)
    if lost:
        log.warning(
            "%s was empty or gone, and is begun anew: earlier tasks are not in it",
            paths.store_file,
            extra={"next_step": "fnr daemon stop, then fnr db restore FILE"},
        )
    reader = Reader(store)
    try:
        _refuse_without_file(paths, await store.write(functions.worked))
        parts = Parts(
            paths=paths,
            settings=settings,
            store=store,
            clock=clock,
            dice=dice,
            ulids=Ulids(clock, dice),
            events=Broadcast(),
            boot_id=clock.boot_id(),
            started_at_ms=clock.now_ms(),
            loop=asyncio.get_running_loop(),
            kernel_log=KernelLog(settings.daemon.kernel_log, clock=clock),
            flags=flags,
        )
        return await Daemon(parts, reader, load, lock).serve(hung_up)
    except (StoreFull, StoreIll) as error:
        raise StorageError(
            "the store cannot be written",
            why=f"{why_ill(paths, error)}; {disk.words_of_room(paths.state_dir)}",
            next_step="fnr db check",
        ) from error
    finally:
        reader.close()
        await store.close()


def _is_lost(paths: Paths) -> bool:
    """Is the store without content, where an earlier daemon had one? What lies beside it tells."""
    store = Path(paths.store_file)
    had_one = Path(paths.reserve_file).exists() or Path(paths.telemetry_file).exists()
    return had_one and not (store.exists() and store.stat().st_size)


def _refuse_without_file(paths: Paths, worked: list[str]) -> None:
    """Nobody else would say that tasks wait for functions that a lost fnr.toml declared."""
    if file_is_gone(paths.config_file, worked):
        raise ConfigError(f"{paths.config_file} is gone", why=WHY_GONE, next_step="fnr config path")


class Daemon:
    """The crew, its doors and its signals."""

    def __init__(self, parts: Parts, reader: Reader, load: LoadSettings, lock: Lock) -> None:
        self.parts = parts
        self._crew = Crew(parts, load)
        self._answers = Answers(self._crew, reader)
        self._clients = Clients(parts, self._answers)
        supervisor = self._crew.supervisor
        self._doors = Doors(
            parts,
            workers=supervisor.connected,
            clients=self._clients.connected,
            turn_away=self._clients.turn_away,
            holds_home=lock.stands,
        )
        supervisor.make_way = self._doors.make_way
        self._words = WordFiles(parts, reader, self._crew.rules)
        self._old_logs = OldLogs(parts, reader, lambda: supervisor.workers)
        self._crew.reload.on_reloaded += [
            self._words.changed,
            self._doors.look,
            self._tell_functions,
        ]

    async def serve(self, hung_up: asyncio.Event) -> int:
        """Start, run until the end is asked for, end. hung_up: set by a SIGHUP before we listen."""
        parts = self.parts
        self._crew.reserve.hold()
        failpoint("store-opened")
        self._crew.supervisor.paused.update(await parts.store.write(functions.paused))
        await self._crew.rules.recall()
        await self._crew.reload.former.recall()
        for settings in parts.settings.functions.values():
            self._crew.supervisor.add_pool(settings)
        failpoint("pools-made")
        await self._crew.breakers.start()
        self._crew.breaker_probes.start()
        self._crew.stepping_aside.start()
        await self._crew.adopter.adopt_all()
        self._crew.former_secrets.reloaded()
        await self._crew.resources.start()
        failpoint("adopted")
        self._doors.open()
        failpoint("listening")
        self._listen_to_signals()
        parts.loop.set_exception_handler(_log_mistake)
        for pool in tuple(self._crew.supervisor.pools.values()):
            self._crew.supervisor.tend(pool)
            self._crew.dispatcher.due_now(pool.name)
        failpoint("workers-started")
        self._crew.timekeeper.start()
        self._crew.readings.busy()
        self._crew.conditions.start()
        self._crew.clock_changes.start()
        self._answers.incidents.start()
        self._undo_drills()
        self._answers.replays.start()
        self._crew.tell_people()
        self._crew.undoing.look()
        self._words.start()
        self._old_logs.start()
        self._crew.rules.on_loaded = self._words.changed
        self._crew.rules.load_soon()
        self._watchdog()
        # What exists now lives as long as the daemon: never look at it again.
        gc.collect()
        gc.freeze()
        failpoint("about-to-be-ready")
        sd_notify("READY=1")
        self._tell_functions()
        log.info("ready", extra={"pid": os.getpid(), "socket": parts.paths.socket_file})
        if hung_up.is_set():
            self._hang_up()
        try:
            return await self._crew.ending.wait()
        finally:
            sd_notify("STOPPING=1")
            await self._close()

    async def _close(self) -> None:
        self._doors.close()
        self._clients.close()
        self._crew.alerting.close()
        self._crew.breaker_probes.close()
        self._crew.breakers.close()
        self._crew.clock_changes.close()
        self._crew.rules.close()
        await self._words.close()
        await asyncio.to_thread(self._crew.readings.close)
        self._crew.free.close()
        log.info("ended")

    def _tell_functions(self) -> None:
        """What `systemctl status` shows."""
        declared = self.parts.settings.functions.keys() - BUILT_IN_FUNCTIONS
        sd_notify(f"STATUS={counted(len(declared), 'function')}")

    def _listen_to_signals(self) -> None:
        loop = self.parts.loop
        loop.add_signal_handler(signal.SIGTERM, self._crew.ending.ask)
        loop.add_signal_handler(signal.SIGINT, self._crew.ending.ask)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        self.parts.start(self._reload_for_signal(), what="reload")

    async def _reload_for_signal(self) -> None:
        sd_notify("RELOADING=1")
        try:
            await self._crew.reload.reload()
        except FnrError as error:
            log.error("the reload changed nothing: %s", " ".join(error.lines()))
        finally:
            sd_notify("READY=1")

    def _undo_drills(self) -> None:
        self.parts.start(self._undo_what_drills_left(), what="undoing what a drill left")

    async def _undo_what_drills_left(self) -> None:
        """A moment without file descriptors or threads must not leave a fault behind."""
        try:
            await self._answers.chaos.replay()
        except (OSError, RuntimeError) as error:
            log.error("what a drill left cannot be undone yet: %s", error)
            self.parts.later(UNDO_AGAIN_MS, self._undo_drills)

    def _watchdog(self) -> None:
        interval_ms = watchdog_interval_ms()
        if interval_ms:
            sd_notify("WATCHDOG=1")
            self.parts.later(interval_ms / 2, self._watchdog)


def _log_mistake(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback raised: log it in the daemon's own words and go on."""
    log.critical(str(context.get("message")), exc_info=context.get("exception"))


def _around_commit(phase: str) -> None:
    failpoint(f"commit-{phase}")
