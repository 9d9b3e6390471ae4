"""Take over a changed fnr.toml and rules.d without losing a task: all of it, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from msgspec.structs import asdict, replace

from fnr.api.errors import ConfigError
from fnr.api.requests import Event, ReloadReport
from fnr.config.changes import RESTART_KEYS, changed_keys
from fnr.config.gone_file import WHY_GONE, WHY_NO_RULES, look_for_rules
from fnr.config.settings import Settings
from fnr.daemon import logs
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.former_functions import FormerFunctions
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.rules_in_force import RulesInForce
from fnr.daemon.supervisor import Supervisor
from fnr.host.failpoint import failpoint
from fnr.policy.used_up import no_thread

# A file that is longer is compared by its beginning.
FILE_BYTES_MAX = 64 << 20
BEHIND = "was changed, and is not in force like that: fnr daemon reload"
# In the past: what is wrong may stand in an env_file, and that may be mended.
REFUSED = "had mistakes at the last reload: what was in force stays; fnr config check"


class Reload:
    """Compares old and new settings and applies the difference."""

    def __init__(
        self,
        parts: Parts,
        supervisor: Supervisor,
        dispatcher: Dispatcher,
        *,
        rules: RulesInForce,
        load: Callable[[], Settings],
    ) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._dispatcher = dispatcher
        self._rules = rules
        self.former = FormerFunctions(parts)
        self._load = load
        self._started_with = parts.settings
        self._file = Path(parts.paths.config_file)
        self._had_file = self._file.exists()
        # What the file says that is in force, and when the latest reload found mistakes in it.
        self._in_force = self._digest()
        self._refused: bytes | None = None
        self._turn = asyncio.Lock()
        self.on_reloaded: list[Callable[[], None]] = []

    async def reload(self) -> ReloadReport:
        """Read fnr.toml and rules.d again; raises ConfigError and changes nothing if one is bad."""
        # Who read first could be the last to take over, and what was written since would not count.
        async with self._turn:
            return await self._read_and_apply()

    async def behind(self) -> str:
        """Does fnr.toml say what is not in force? "" or words for operators."""
        try:
            # It may be on a disk that does not answer.
            now = await asyncio.to_thread(self._digest)
        except RuntimeError as error:
            if no_thread(error):  # the status has more to say
                return ""
            raise
        if now in {None, self._in_force}:
            return ""
        if not now:
            return f"{self._file} is gone: {WHY_GONE}"
        return f"{self._file} {REFUSED if now == self._refused else BEHIND}"

    def _digest(self) -> bytes | None:
        """Of the file as it is; b"" when it is gone, None when nobody can tell, as of a pipe."""
        try:
            if not self._file.is_file():
                return None if self._file.exists() else b""
            with self._file.open("rb") as file:
                return blake2b(file.read(FILE_BYTES_MAX), digest_size=16).digest()
        except OSError:
            return None

    async def _read_and_apply(self) -> ReloadReport:
        if self._had_file and not self._file.exists():
            raise ConfigError(
                f"{self._file} is gone: nothing has changed",
                why=WHY_GONE,
                next_step=f"{self._parts.paths.command} config path",
            )
        if self._rules.gone:
            folder = self._parts.paths.rules_dir
            raise ConfigError(
                f"{folder} is gone: nothing has changed",
                why=WHY_NO_RULES,
                next_step=look_for_rules(folder),
            )
        digest = await asyncio.to_thread(self._digest)
        try:
            new = await asyncio.to_thread(self._load)
        except ConfigError:
            self._refused = digest
            raise
        self._refused = None
        rules, model = await self._rules.read_again(new)
        if rules.problems:
            raise ConfigError(
                "rules.d has problems: the rules stay as they were",
                details=tuple(f"{one.where}: {one.message}" for one in rules.problems),
                next_step=f"{self._parts.paths.command} rules check",
            )
        old = self._parts.settings
        report = compare(
            old, new, started_with=self._started_with, rules_changed=self._rules.differ(rules)
        )
        failpoint("reload-compared")
        self._had_file = self._file.exists()
        self._in_force = digest
        self._parts.settings = new
        self._rules.take_over(rules, model)
        self._parts.redactor = self._parts.redactor.under(new)
        logs.set_level(new.log)
        if new.log.worker_bytes_max != old.log.worker_bytes_max:
            self._tell_log_limit(new.log.worker_bytes_max)
        for name in report.removed:
            self._remove(name)
        for name in report.added:
            self._add(name)
        for name in report.changed:
            self._change(name)
        for pool in [pool for pool in self._supervisor.pools.values() if pool.problem]:
            # What it cannot run for may be repaired outside of fnr.toml.
            self._start_anew(pool)
        failpoint("reload-applied")
        for hook in self.on_reloaded:
            hook()
        await self._rules.keep()
        await self.former.keep()
        log.info("reloaded", extra=asdict(report))
        self._parts.events.tell(
            Event(kind="config", what="reloaded", at_ms=self._parts.clock.now_ms())
        )
        return report

    def _tell_log_limit(self, bytes_max: int) -> None:
        for worker in self._supervisor.workers.values():
            worker.limit_log(bytes_max)

    def _add(self, name: str) -> None:
        pool = self._supervisor.pools.get(name)
        if pool is None:
            pool = self._supervisor.add_pool(self._parts.settings.functions[name])
        pool.settings = self._parts.settings.functions[name]
        pool.removed = False
        pool.holds.clear()
        self._supervisor.tend(pool)
        self._dispatcher.due_now(name)

    def _remove(self, name: str) -> None:
        pool = self._supervisor.pools[name]
        pool.removed = True
        self._parts.former[name] = pool.settings
        pool.settings = replace(pool.settings, workers_min=0)
        # Nobody starts it any more, so nobody would find out that this is over.
        pool.works()
        pool.holds.clear()
        for worker in pool.staying:
            self._supervisor.dismiss(worker, "its function left fnr.toml", respawn=False)

    def _change(self, name: str) -> None:
        pool = self._supervisor.pools[name]
        pool.settings = self._parts.settings.functions[name]
        pool.works()
        # Said of what it was. Without a worker nobody would ask again whether it still holds.
        pool.holds.clear()
        for worker in pool.staying:
            self._supervisor.dismiss(worker, "its function changed in fnr.toml")
        self._start_anew(pool)

    def _start_anew(self, pool: Pool) -> None:
        """As if no start had failed: at once, and not after the pause that failed ones earned."""
        pool.failures = 0
        if pool.start_timer is not None:
            pool.start_timer.cancel()
            pool.start_timer = None
        self._supervisor.tend(pool)


def compare(
    old: Settings, new: Settings, *, started_with: Settings, rules_changed: bool
) -> ReloadReport:
    """What a reload changes, and what waits for a restart, whichever reload read it first."""
    keys = changed_keys(old, new)
    return ReloadReport(
        added=sorted(new.functions.keys() - old.functions.keys()),
        removed=sorted(old.functions.keys() - new.functions.keys()),
        changed=sorted(
            name
            for name in new.functions.keys() & old.functions.keys()
            if new.functions[name] != old.functions[name]
        ),
        settings=[key for key in keys if key not in RESTART_KEYS]
        + (["rules.d"] if rules_changed else []),
        needs_restart=[key for key in changed_keys(started_with, new) if key in RESTART_KEYS],
    )
