"""Faults on purpose: begin one, watch over it, end it, and put right what an earlier daemon left.

The order is what makes it safe: plan, steady state, undo record on disk, dead-man process, and only
then the fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial

from msgspec.structs import replace

from fnr.api.chaos_requests import AbortDrills, InjectFault, InjectReport, ListDrills, ListScores
from fnr.api.errors import Failed, FnrError, NotFound, Refused, StorageError, UsageError
from fnr.api.question import Changed
from fnr.api.requests import Event
from fnr.daemon.armed_faults import ArmedFaults
from fnr.daemon.chaos_deeds import ChaosDeeds, command_of_daemon
from fnr.daemon.chaos_holder import Holder
from fnr.daemon.chaos_plan import Plan, make_plan
from fnr.daemon.chaos_player import Players
from fnr.daemon.chaos_rest import DrillRest
from fnr.daemon.clients import Client
from fnr.daemon.crew import Crew
from fnr.daemon.parts import log
from fnr.daemon.reader import Reader
from fnr.host import chaos_records as records
from fnr.host import score_files
from fnr.host.clock import is_ulid
from fnr.host.failpoint import failpoint
from fnr.host.faults import disk_full
from fnr.host.faults.undoing import abort, undo
from fnr.host.machine import read_machine
from fnr.host.procfs import pid_start
from fnr.host.systemd import notify_socket
from fnr.policy.chaos import (
    DRILL_TAG,
    Drilled,
    Injection,
    Outcome,
    Readings,
    stop_reason,
    unsteady,
    without_floods,
)
from fnr.policy.chaos_score import Score
from fnr.policy.faults import CATALOGUE, Reach
from fnr.policy.task import AttemptOutcome
from fnr.policy.verdict import Verdict
from fnr.store.reads import READS

BEGIN_S = 10.0
WATCH_MS = 1_000
# How long after its deadline the daemon ends a fault by force.
SPARE_MS = 5_000


class Chaos:
    """Owns the faults that act in this daemon's time."""

    def __init__(self, crew: Crew, reader: Reader, rest: DrillRest) -> None:
        self._crew = crew
        self._parts = crew.parts
        self._reader = reader
        self._folder = crew.parts.paths.chaos_dir
        self._deeds = ChaosDeeds(crew, reader)
        self._holders: dict[str, Holder] = {}
        self._before: dict[str, Readings] = {}
        self._one_at_a_time = asyncio.Lock()
        self._drills: set[str] = set()
        self._rest = rest
        self._players = Players(crew.parts, self._folder, self._player_gone)
        self._failures = 0
        self._letters = 0
        crew.on_verdicts = self._settled

    # ── asked for ────────────────────────────────────────────────────────────

    async def inject(self, client: Client, request: InjectFault) -> InjectReport:
        """Begin a fault, or say what would happen; answered when its effect was seen."""
        plan = make_plan(self._parts, self._crew.supervisor, request)
        if request.drill_id and not is_ulid(request.drill_id):
            raise UsageError("a drill's id is a ULID", why=request.drill_id)
        now = await self._readings()
        # What a drill has caused itself must not keep it from going on.
        begins = request.drill_id not in self._drills
        why_not = unsteady(self._parts.settings.chaos, now)
        if why_not and begins:
            raise Refused("the steady state does not hold", why=why_not, next_step="fnr status")
        report = plan.report(request)
        if request.dry_run:
            return report
        async with self._one_at_a_time:
            injection = self._injection(client, request, plan)
            await self._refuse_another_drill(injection)
            await self._commit(injection)
            self._drills.add(injection.drill_id)
        holder = await self._begin(injection, now)
        if holder.seen is None or holder.seen.problem:
            await holder.over.wait()
            why = holder.seen.problem if holder.seen else "its dead-man process died"
            raise Failed(
                f"{request.fault} was not injected", why=why, next_step=_next_step(injection)
            )
        try:
            await self._deeds.begin(injection, client)
        except Exception as error:
            holder.let_go("the daemon could not do its part")
            if isinstance(error, FnrError):  # else its end waits for the store, too
                await holder.over.wait()
            raise
        if self._deeds.is_over(injection):
            # It ended while we did our part, which nobody would undo any more.
            await self._deeds.undo(injection, again=True)
        self._tell("begun", injection, holder.seen.effect)
        known = {"injection_id": injection.injection_id, "drill_id": injection.drill_id}
        return replace(report, **known, outcome=holder.seen)

    async def listed(self, _: Client, request: ListDrills) -> list[Drilled]:
        """Injections that act, and those that are over."""
        known = await asyncio.to_thread(records.history, self._folder)
        return [one for one in known if request.past or one.state == "active"]

    async def scores(self, _: Client, __: ListScores) -> list[Score]:
        """Scores that were kept."""
        return await asyncio.to_thread(score_files.kept, f"{self._folder}/scores")

    async def abort(self, client: Client, request: AbortDrills) -> Changed:
        """End faults now."""
        if bool(request.ids) == request.all:
            raise UsageError("abort needs ids or --all, and not both")
        found = await self._acting()
        wanted = tuple(word.upper() for word in request.ids)
        chosen = [
            one
            for one in found
            if request.all or one.injection_id.startswith(wanted) or one.drill_id.startswith(wanted)
        ]
        if not chosen and not request.all:
            raise NotFound("no such fault acts now", next_step="fnr chaos list")
        changed = Changed()
        for one in chosen:
            outcome = await self._end(one, f"aborted by {client.submitter}")
            if outcome is None or outcome.residue:
                why = outcome.residue if outcome else "its outcome is not known"
                changed.unchanged[one.injection_id] = why
            else:
                changed.changed.append(one.injection_id)
        return changed

    # ── begin ────────────────────────────────────────────────────────────────

    def _injection(self, client: Client, request: InjectFault, plan: Plan) -> Injection:
        parts, paths = self._parts, self._parts.paths
        injection_id = parts.ulids.new()
        begun_boot_ms = parts.clock.boot_ms()
        return Injection(
            injection_id=injection_id,
            drill_id=request.drill_id or injection_id,
            fault=plan.fault.name,
            reason=request.reason,
            by=client.submitter,
            begun_at_ms=parts.clock.now_ms(),
            duration_ms=request.duration_ms,
            until_boot_ms=begun_boot_ms + request.duration_ms,
            boot_id=parts.boot_id,
            folder=records.injection_folder(self._folder, injection_id),
            where=request.where,
            options=plan.options,
            functions=tuple(plan.functions),
            targets=tuple(plan.targets),
            times=request.times,
            daemon_pid=self._pid,
            daemon_pid_start=pid_start(self._pid) or 0,
            command=command_of_daemon(parts),
            places={
                "store": paths.store_file,
                "config": os.path.realpath(paths.config_file),  # a link stays one
                "lock": paths.lock_file,
                "log": f"{paths.log_dir}/chaos.log",
                "proxies": f"{self._folder}/proxies",
                "manager": notify_socket(),
            },
        )

    @property
    def _pid(self) -> int:
        return self._deeds.pid

    async def _refuse_another_drill(self, injection: Injection) -> None:
        for other in await asyncio.to_thread(records.active, self._folder):
            if other.drill_id != injection.drill_id:
                raise Refused(
                    "another drill is under way",
                    why=f"{other.fault} of drill {other.drill_id}, by {other.by}",
                    next_step="fnr chaos list",
                )

    async def _commit(self, injection: Injection) -> None:
        in_daemon = injection.fault == "queue-flood"
        try:
            await asyncio.to_thread(records.commit, injection, in_daemon=in_daemon)
        except OSError as error:
            raise StorageError(
                "the undo record cannot be written, so nothing was done", why=str(error)
            ) from error

    async def _begin(self, injection: Injection, now: Readings) -> Holder:
        if self._parts.faults is None:
            self._parts.faults = ArmedFaults()
        failpoint("chaos/undo-record-committed")
        self._parts.faults.mark_targets(injection)
        self._before[injection.injection_id] = now
        try:
            holder = Holder(self._parts, injection)
        except OSError as error:
            await asyncio.to_thread(undo, injection, by="never begun", clock=self._parts.clock)
            raise Failed("the dead-man process cannot be started", why=str(error)) from error
        failpoint("chaos/holder-spawned")
        holder.on_ending = self._ending
        holder.on_gone = lambda gone: self._parts.start(self._gone(gone), what="end of a fault")
        self._holders[injection.injection_id] = holder
        if injection.drill_id != injection.injection_id:
            self._players.watch(injection.drill_id)
        self._parts.later(injection.duration_ms + SPARE_MS, partial(self._late, holder))
        if len(self._holders) == 1:
            self._parts.later(WATCH_MS, self._watch)
        if injection.fault != "daemon-kill":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEGIN_S):
                    await holder.begun.wait()
            if holder.seen is None:
                holder.let_go("it did not begin in time")
        else:
            holder.seen = Outcome()
        return holder

    # ── meanwhile ────────────────────────────────────────────────────────────

    def _settled(self, verdicts: list[Verdict]) -> None:
        """Count what goes wrong for others."""
        for verdict in verdicts:
            evidence = verdict.evidence
            if DRILL_TAG in verdict.task.tags or (evidence is not None and evidence.drill):
                continue
            self._failures += verdict.outcome is AttemptOutcome.FAILED
            self._letters += verdict.letter is not None

    def _watch(self) -> None:
        if self._holders:
            self._parts.start(self._check(), what="the abort conditions")
            self._parts.later(WATCH_MS, self._watch)

    async def _check(self) -> None:
        acting = [holder.injection for holder in self._holders.values()]
        now = without_floods(await self._readings(), acting)
        for injection_id, holder in tuple(self._holders.items()):
            before = self._before.get(injection_id, now)
            if disk_full.fills(holder.injection, self._parts.paths.state_dir):
                # What the drill is about is no reason to end it.
                now = replace(now, disk_free_mib=None)
            why = stop_reason(self._parts.settings.chaos, before, now)
            if why and not holder.why:
                log.warning("a drill is stopped", extra={"drill": injection_id, "why": why})
                self._tell("stopped", holder.injection, why)
                holder.let_go(f"abort condition: {why}")

    async def _readings(self) -> Readings:
        # Looked at anew: a disk that has room again since nobody has asked is no problem.
        self._crew.reserve.look()
        machine = await asyncio.to_thread(read_machine, disk_path=self._parts.paths.state_dir)
        known = await self._reader.read(READS["ListFunctions"])
        pools = self._crew.supervisor.pools.values()
        load, cpus = machine.load_1m, machine.cpus
        problems = [*self._parts.problems.values()]
        problems += [f"{pool.name}: {pool.problem}" for pool in pools if pool.problem]
        return Readings(
            failures=self._failures,
            letters=self._letters,
            queued=sum(one.counts.get(word, 0) for one in known for word in ("queued", "waiting")),
            disk_free_mib=machine.disk_free_mib,
            load_per_cpu=None if load is None or not cpus else load / cpus,
            problems=tuple(problems),
            draining=not self._parts.dispatching,
        )

    # ── the end ──────────────────────────────────────────────────────────────

    def _ending(self, holder: Holder) -> None:
        """Its dead-man process is about to undo it: do our part."""
        self._parts.start(self._deeds.undo(holder.injection), what="undoing a fault")

    def _player_gone(self, drill_id: str) -> None:
        for holder in tuple(self._holders.values()):
            if holder.injection.drill_id == drill_id:
                holder.let_go("the program that played the drill is gone")
        self._rest.put(drill_id)

    async def _gone(self, holder: Holder) -> None:
        """Its dead-man process is gone: if it was killed, undo the fault ourselves."""
        injection = holder.injection
        await self._deeds.undo(injection)
        if holder.outcome is None or holder.outcome.residue:
            killed = "the daemon: its dead-man process was killed"
            why = holder.outcome.undone_by if holder.outcome else killed
            found = await asyncio.to_thread(undo, injection, by=why, clock=self._parts.clock)
            holder.outcome = found or records.outcome(records.past_folder(injection))
        self._holders.pop(injection.injection_id, None)
        self._before.pop(injection.injection_id, None)
        outcome = holder.outcome or Outcome()
        self._tell("over" if outcome.reverted else "unsafe", injection, outcome.undone_by)
        if outcome.residue:
            log.error("a fault left something", extra={"what": outcome.residue})
        holder.over.set()

    async def _end(self, injection: Injection, why: str) -> Outcome | None:
        holder = self._holders.get(injection.injection_id)
        if holder is not None:
            holder.let_go(why)
            await holder.over.wait()
            return holder.outcome
        await self._deeds.undo(injection)
        return await asyncio.to_thread(abort, injection, by=why, clock=self._parts.clock)

    def _late(self, holder: Holder) -> None:
        """Its deadline has passed and it is still there: by force."""
        if not holder.over.is_set():
            self._by_force(holder.injection, "the daemon")

    async def _acting(self) -> list[Injection]:
        """Injections that act; a flood last: another may be why the store cannot be written."""
        found = await asyncio.to_thread(records.active, self._folder)
        return sorted(found, key=lambda one: one.fault == "queue-flood")

    async def replay(self) -> None:
        """Undo what an earlier daemon left behind, once its dead-man processes have had their turn.

        They have noticed its death by themselves; one that kills daemons is waiting for this one.
        """
        known = await asyncio.to_thread(records.history, self._folder)
        if known:
            # A fault may have begun since we serve.
            self._parts.faults = self._parts.faults or ArmedFaults()
            self._parts.faults.remember(known[: records.PAST_MAX])
        self._players.left(one.injection for one in known if not self._is_ours(one.injection))
        for injection in await self._acting():
            if self._is_ours(injection):
                continue  # injected since we serve, while this was looked at
            await self._deeds.undo(injection)
            if injection.fault == "daemon-kill":
                self._parts.later(
                    SPARE_MS * 5, partial(self._by_force, injection, "the next daemon")
                )
                continue
            try:
                outcome = await asyncio.to_thread(
                    abort, injection, by="the next daemon", clock=self._parts.clock
                )
            except OSError as error:
                log.error("a fault could not be undone: %s", error)
                continue
            if outcome is not None:
                self._tell("over" if outcome.reverted else "unsafe", injection, outcome.undone_by)

    def _is_ours(self, injection: Injection) -> bool:
        ours = (self._parts.boot_id, self._pid, pid_start(self._pid) or 0)
        return (injection.boot_id, injection.daemon_pid, injection.daemon_pid_start) == ours

    def _by_force(self, injection: Injection, by: str) -> None:
        call = partial(abort, injection, by=by, clock=self._parts.clock)
        self._parts.start(_in_thread(call), what="ending a fault by force")

    def _tell(self, what: str, injection: Injection, detail: str) -> None:
        log.info(
            "chaos",
            extra={"what": what, "fault": injection.fault, "drill": injection.drill_id},
        )
        self._parts.events.tell(
            Event(
                kind="chaos",
                what=what,
                at_ms=self._parts.clock.now_ms(),
                detail=f"{injection.fault} {injection.drill_id}: {detail}",
            )
        )


async def _in_thread(call: partial[Outcome | None]) -> None:
    await asyncio.to_thread(call)


def _next_step(injection: Injection) -> str:
    """What may be missing: the fault of a service acts in a proxy that somebody has to start."""
    if CATALOGUE[injection.fault].reach is not Reach.SERVICE:
        return ""
    port = injection.options["port"]
    return f"fnr chaos proxy --listen {port} --upstream 127.0.0.1:PORT"
