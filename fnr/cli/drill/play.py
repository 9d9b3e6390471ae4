"""The play: steady state, a wave of faults at once, faults of the daemon one by one, the count."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fnr.api.errors import ConfigError, FnrError, TimedOut
from fnr.api.requests import PauseFunction, ReloadConfig, ResumeFunction
from fnr.cli.drill.cases import CASE_TAG, PATIENTS, SERVICE_FAULTS, Case, wave
from fnr.cli.drill.functions import BEGUN_SUFFIX, BREAKER_SUFFIX
from fnr.cli.drill.hands import Hands
from fnr.cli.drill.home import BREAKER_FAILURES, BREAKERS
from fnr.cli.drill.ledger import Ledger
from fnr.cli.drill.measure import Seen
from fnr.client.sdk import Client
from fnr.host.clock import Clock
from fnr.policy.chaos import DRILL_TAG
from fnr.policy.task import Task, TaskState

CONTROLS = 4
LOOK_MS = 250
PATIENCE_MS = 120_000
LOCKED_MS = 1_500
FLOOD = "500"
# The proxy port behind which breakers are timed.
BREAKER_PORT = "breaker"
JUMP = "-7200000"
_ENDED = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED})
_FILES = ("disk-full", "output-read-only")


class Stage:
    """Where the drill plays.

    ports: service fault -> port of the proxy that it acts on; none on a running daemon.
    check: how many broken invariants `fnr db check` finds.
    """

    def __init__(
        self,
        *,
        client: Client,
        marks: Path,
        output: Path | None,
        ports: dict[str, int],
        check: Callable[[], int],
    ) -> None:
        self.client = client
        self.marks = marks
        self.output = output
        self.ports = ports
        self.check = check

    @property
    def live(self) -> bool:
        """Whether it is somebody's daemon, which is only met inside of canaries."""
        return self.output is None


class Play:
    """One drill."""

    def __init__(
        self,
        stage: Stage,
        hands: Hands,
        ledger: Ledger,
        *,
        drill_id: str,
        clock: Clock,
        say: Callable[[str], None],
        pause: Callable[[int], None],
    ) -> None:
        self._stage = stage
        self._client = stage.client
        self._hands = hands
        self._ledger = ledger
        self._drill_id = drill_id
        self._clock = clock
        self._say = say
        self._pause = pause

    def run(self, *, concurrent: int, rounds: int, seed: int) -> Seen:
        """Play all of it."""
        try:
            self._steady()
            for number in range(rounds):
                self._wave(wave(concurrent, seed=seed + number, live=self._stage.live))
            if not self._stage.live:
                self._daemon_faults()
        finally:
            self._hands.end_all()
        self._wait_for(list(self._ledger.cases))
        return self._count()

    # ── steady state ─────────────────────────────────────────────────────────

    def _steady(self) -> None:
        """Tasks without a fault are done: otherwise no figure would mean anything."""
        ids = [self._submit(None, "canary", {}) for _ in range(CONTROLS)]
        self._wait_for(ids)
        self._say(f"steady: {len(ids)} tasks without a fault are done")

    # ── the wave ─────────────────────────────────────────────────────────────

    def _wave(self, cases: list[Case]) -> None:
        kinds = list(dict.fromkeys(case.fault for case in cases))
        patients = [case for case in cases if case.function == "canary-patient"]
        waiting = [self._submit_case(case) for case in patients]
        self._hands.inject_all([self._wish(kind) for kind in kinds if kind not in dict(PATIENTS)])
        self._say(f"{len(kinds)} kinds of faults; {len(cases)} tasks meet them at once")
        held = sorted({case.function for case in cases if case not in patients})
        # All of them at one moment, however long it takes to hand them over.
        self._client.ask(PauseFunction(functions=held, reason="the drill begins"))
        try:
            ids = [self._submit_case(case) for case in cases if case not in patients]
        finally:
            self._client.ask(ResumeFunction(functions=held))
        self._wait_until_begun(waiting)
        for fault, count in PATIENTS if patients else ():
            self._hands.inject(fault, where=f"tag.{CASE_TAG}:{fault}", workers_max=count)
        self._watch([*waiting, *ids])
        self._hands.end_all()

    def _wish(self, fault: str) -> tuple[str, str, dict[str, str]]:
        where = f"tag.{CASE_TAG}:{fault}"
        if fault == "error":
            return fault, where, {"exception": "@raise_", "message": "@say", "code": "@code"}
        if fault in SERVICE_FAULTS:
            return fault, "", {"port": str(self._stage.ports[fault])}
        if fault in _FILES:
            return fault, "", {"path": str(self._place(fault))}
        return fault, where, {}

    def _place(self, fault: str) -> Path:
        assert self._stage.output is not None
        folder = self._stage.output / fault
        folder.mkdir(exist_ok=True)
        return folder / "result" if fault == "disk-full" else folder

    def _submit_case(self, case: Case) -> str:
        more: dict[str, Any] = dict(case.input)
        if case.fault in SERVICE_FAULTS:
            more["port"] = self._stage.ports[case.fault]
        if case.fault in _FILES:
            more["path"] = str(self._place(case.fault))
            if case.fault == "output-read-only":
                more["path"] += "/new"
        return self._submit(case, case.function, more)

    def _submit(
        self, case: Case | None, function: str, more: dict[str, Any], **options: Any
    ) -> str:
        tags = {DRILL_TAG: self._drill_id}
        if case is not None:
            tags[CASE_TAG] = case.fault
            if case.timeout:
                options["timeout"] = case.timeout
        task_id = self._client.submit(
            function, {**more, "marks": str(self._stage.marks)}, tags=tags, **options
        )
        self._ledger.add(task_id, case)
        return task_id

    def _wait_until_begun(self, task_ids: list[str]) -> None:
        """Until the patients wait to be killed."""
        files = [self._stage.marks / f"{task_id}{BEGUN_SUFFIX}" for task_id in task_ids]
        self._until(lambda: all(file.exists() for file in files), "the patients do not begin")

    def _watch(self, ids: list[str]) -> None:
        """Until all have ended; a fault that stays is ended when all who meet it have met it."""
        staying = [*SERVICE_FAULTS, *_FILES] if not self._stage.live else []

        def over() -> bool:
            tasks = {task.task_id: task for task in self._tasks()}
            met = {task_id for task_id, task in tasks.items() if _failed(task)}
            for fault in [*staying]:
                mine = [one for one in self._ledger.of(fault) if one in ids]
                if all(one in met for one in mine):
                    staying.remove(fault)
                    self._hands.end(fault)
            left = [one for one in ids if tasks[one].state not in _ENDED]
            if not left:
                self._say(f"all {len(ids)} have ended")
            return not left

        self._until(over, "tasks do not end")

    # ── faults of the daemon ─────────────────────────────────────────────────

    def _breakers(self) -> None:
        """How long a breaker takes to refuse calls once so many have failed."""
        self._hands.inject("service-500", options={"port": str(self._stage.ports[BREAKER_PORT])})
        more = {"port": self._stage.ports[BREAKER_PORT]}
        self._wait_for(
            [self._submit(None, "canary-breaker", {**more, "service": name}) for name in BREAKERS]
        )
        self._hands.end("service-500")
        took = ", ".join(f"{ms} ms" for ms in breaker_times(self._stage.marks))
        self._say(f"breakers refused calls after {took or 'an unknown time'}")

    def _daemon_faults(self) -> None:
        self._breakers()
        self._locked_store()
        self._jumping_clock()
        self._flood()
        self._broken_configuration()
        self._starts()
        self._killed_daemon()

    def _probes(self, count: int = 3, **more: Any) -> list[str]:
        return [self._submit(None, "canary", more, priority=10) for _ in range(count)]

    def _locked_store(self) -> None:
        self._hands.inject("store-locked", duration_ms=LOCKED_MS)
        self._wait_for(self._probes())
        self._say("the store was locked by a stranger: nothing was lost")

    def _jumping_clock(self) -> None:
        self._hands.inject("clock-jump", options={"by": JUMP})
        self._wait_for(self._probes())
        self._hands.end("clock-jump")
        self._say("the clock jumped")

    def _flood(self) -> None:
        self._hands.inject("queue-flood", options={"function": "canary", "count": FLOOD})
        self._wait_for(self._probes())
        self._hands.end("queue-flood")
        self._say(f"{FLOOD} tasks flooded the queue, and were taken back")

    def _broken_configuration(self) -> None:
        self._hands.inject("config-broken")
        with suppress(ConfigError):
            self._client.ask(ReloadConfig())
            self._hands.refused["config-broken"] = "a broken configuration was taken over"
        self._wait_for(self._probes())
        self._hands.end("config-broken")
        self._client.ask(ReloadConfig())
        self._say("the broken configuration was refused")

    def _starts(self) -> None:
        self._hands.inject("import-failure", where="function:canary-start")
        case = Case(
            name="import-failure",
            fault="import-failure",
            function="canary-start",
            category="permanent",
            recovers=False,
        )
        task_id = self._submit(case, "canary-start", {})
        self._wait_for([task_id])
        self._hands.end("import-failure")
        self._hands.inject("slow-start", where="function:canary-start", options={"delay": "1000"})
        self._wait_for([self._submit(None, "canary-start", {})])
        self._hands.end("slow-start")
        self._say("functions that could not start, started")

    def _killed_daemon(self) -> None:
        ids = self._probes(8, linger_ms=1_000)
        before = self._client.status().pid
        self._hands.inject("daemon-kill", duration_ms=10_000)
        self._until(lambda: self._pid() not in {None, before}, "the daemon does not come back")
        self._wait_for(ids)
        self._say("the daemon was killed; the next one adopted its workers")

    def _pid(self) -> int | None:
        try:
            return self._client.status().pid
        except FnrError:
            return None

    # ── the count ────────────────────────────────────────────────────────────

    def _count(self) -> Seen:
        known = self._hands.known()
        met: dict[str, int] = {}
        for effects in self._hands.effects().values():
            for effect in effects:
                if effect.token:
                    met.setdefault(effect.token, effect.at_ms)
        for one in known:
            for target in one.injection.targets:
                if one.outcome and one.outcome.effect_at_ms and target.token:
                    met.setdefault(target.token, one.outcome.effect_at_ms)
        details = {}
        for task_id in self._ledger.cases:
            with suppress(FnrError):
                details[task_id] = self._client.get(task_id)
        return Seen(
            cases=self._ledger.cases,
            details=details,
            marks=read_marks(self._stage.marks),
            met=met,
            drilled=known,
            refused=self._hands.refused,
            traces=self._hands.traces(),
            findings=self._stage.check(),
            breaker_ms=breaker_times(self._stage.marks),
        )

    def _tasks(self) -> list[Task]:
        return [*self._client.tasks(f"tag.{DRILL_TAG}:{self._drill_id}")]

    def _wait_for(self, task_ids: list[str]) -> None:
        if task_ids:
            with suppress(TimedOut):  # what has not ended then is counted as lost
                self._client.wait_all(task_ids, timeout="25s")

    def _until(self, over: Callable[[], bool], what: str) -> None:
        begun_ms = self._clock.boot_ms()
        while not over():
            if self._clock.boot_ms() - begun_ms > PATIENCE_MS:
                self._say(f"given up: {what}")
                return
            self._pause(LOOK_MS)


def breaker_times(folder: Path) -> list[int]:
    """From the failure that should have opened each breaker to the first call that it refused.

    Of one that never refused: to its last call, which is far longer than it may take.
    """
    found = []
    for file in sorted(folder.glob(f"*{BREAKER_SUFFIX}")):
        note = json.loads(file.read_text("ascii"))
        failed, refused = note["failed"], note["refused"]
        if len(failed) >= BREAKER_FAILURES:
            found.append((refused or failed[-1]) - failed[BREAKER_FAILURES - 1])
    return found


def read_marks(folder: Path) -> dict[str, list[str]]:
    """Task id -> tokens of the attempts that came to their end."""
    return {
        file.name: file.read_text("ascii").splitlines()
        for file in folder.iterdir()
        if not file.suffix
    }


def _failed(task: Task) -> bool:
    tries = task.retries + task.unknowns + task.waits + task.deaths
    return tries > 0 or task.state is TaskState.DEAD
