"""The hands of the drill: they inject faults into its daemon, several at once, and end them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fnr.api.chaos_requests import AbortDrills, InjectFault, InjectReport
from fnr.api.errors import DaemonDown, Failed, FnrError, Refused
from fnr.client.patience import connect_again
from fnr.config.paths import Paths
from fnr.host import chaos_records as records
from fnr.host.chaos_records import Effect
from fnr.policy.chaos import Drilled

TIMEOUT_MS = 60_000
PATIENCE_MS = 20_000
THREADS_MAX = 8
REASON = "fnr chaos drill"


class Hands:
    """All faults of one drill, under its id."""

    def __init__(self, paths: Paths, drill_id: str, *, duration_ms: int) -> None:
        self._paths = paths
        self._drill_id = drill_id
        self._duration_ms = duration_ms
        self._begun: dict[str, InjectReport] = {}
        self.refused: dict[str, str] = {}

    def inject(
        self,
        fault: str,
        *,
        where: str = "",
        duration_ms: int = 0,
        workers_max: int = 1,
        options: dict[str, str] | None = None,
    ) -> None:
        """Begin one fault; why it could not be is kept, and makes the drill invalid."""
        request = InjectFault(
            fault=fault,
            duration_ms=duration_ms or self._duration_ms,
            reason=REASON,
            where=where,
            options=options or {},
            workers_max=workers_max,
            drill_id=self._drill_id,
        )
        try:
            with connect_again(
                self._paths, timeout_ms=TIMEOUT_MS, patience_ms=PATIENCE_MS
            ) as connection:
                self._begun[fault] = connection.ask(request)
        except DaemonDown:
            # It was killed before it could answer, which is what one fault is about.
            if fault != "daemon-kill":
                raise
        except (Failed, Refused) as error:
            self.refused[fault] = " ".join((error.what, error.why))

    def inject_all(self, wanted: list[tuple[str, str, dict[str, str]]]) -> None:
        """Begin several at once: fault, filter, options."""
        with ThreadPoolExecutor(THREADS_MAX) as threads:
            started = [
                threads.submit(self.inject, fault, where=where, options=options)
                for fault, where, options in wanted
            ]
            for one in started:
                one.result()

    def end(self, *faults: str) -> None:
        """End these now."""
        ids = [self._begun[fault].injection_id for fault in faults if fault in self._begun]
        active = {one.injection_id for one in records.active(self._paths.chaos_dir)}
        if ids := [one for one in ids if one in active]:
            self._abort(AbortDrills(ids=ids))

    def end_all(self) -> None:
        """End whatever of this drill still acts."""
        if any(one.drill_id == self._drill_id for one in records.active(self._paths.chaos_dir)):
            self._abort(AbortDrills(ids=[self._drill_id]))

    def known(self) -> list[Drilled]:
        """Every injection of this drill as its record says, oldest first."""
        found = records.history(self._paths.chaos_dir)
        return [one for one in reversed(found) if one.injection.drill_id == self._drill_id]

    def effects(self) -> dict[str, list[Effect]]:
        """Who met which fault, by fault."""
        found: dict[str, list[Effect]] = {}
        for one in self.known():
            folder = one.injection.folder
            if one.state != "active":
                folder = records.past_folder(one.injection)
            found.setdefault(one.injection.fault, []).extend(records.effects(folder))
        return found

    def traces(self) -> list[str]:
        """What is left on disk of faults that are over."""
        proxies = Path(self._paths.chaos_dir, "proxies").glob("*.json")
        return [str(file) for file in proxies]

    def _abort(self, request: AbortDrills) -> None:
        try:
            with connect_again(
                self._paths, timeout_ms=TIMEOUT_MS, patience_ms=PATIENCE_MS
            ) as connection:
                connection.ask(request)
        except FnrError:
            # What is left then is in the records, and the score says so.
            return
