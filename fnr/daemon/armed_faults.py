"""Which attempt or starting worker meets which fault, and which errors a drill has caused.

Nothing is asked while no drill runs. An error is a drill's only if its attempt is known to have met
the fault: a real failure that comes at the same time stays one.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct
from msgspec.structs import replace

from fnr.host import chaos_records as records
from fnr.policy.chaos import Drilled, Injection, WorkerFault
from fnr.policy.evidence import Evidence, KilledBy
from fnr.policy.faults import CATALOGUE, Acts, Reach
from fnr.policy.filter import parse
from fnr.policy.filter_match import matches
from fnr.policy.filter_tree import Expr
from fnr.policy.task import Claim, Task

# Faults of which it is known who met them, without reading all of it.
KNOWN_MAX = 200
# Attempts that may be a drill's; the latest are those that can still end.
MARKS_MAX = 100_000


class Mark(Struct, frozen=True):
    """Why an attempt may be a drill's: the fault's folder says whether it met it.

    hit: known already. excused: it hit a worker, and whose attempt that was is not to pay for it.
    """

    injection: Injection
    hit: bool = False
    excused: bool = False


class Met:
    """Who has met one fault: each look reads no more than what is new, for there may be many."""

    def __init__(self, injection: Injection) -> None:
        self._folders = (injection.folder, records.past_folder(injection))
        self._offset = 0
        self.times: Counter[str] = Counter()
        self.tokens: set[str] = set()

    def look(self) -> Met:
        """Itself, as of now."""
        for folder in self._folders:
            found, self._offset = records.effects_from(folder, self._offset)
            for effect in found:
                self.times[effect.task_id] += 1
                self.tokens.add(effect.token)
        return self


class ArmedFaults:
    """Faults that workers carry out, as long as they are armed; marks stay behind them."""

    def __init__(self) -> None:
        self.attempts: dict[str, tuple[Injection, Expr | None]] = {}
        self.starts: dict[str, Injection] = {}
        self._marks: dict[str, Mark] = {}
        self._met: dict[str, Met] = {}

    def arm(self, injection: Injection) -> None:
        """From now on."""
        acts = CATALOGUE[injection.fault].acts
        if acts is Acts.ATTEMPT:
            where = parse(injection.where) if injection.where else None
            self.attempts[injection.injection_id] = (injection, where)
        elif acts is Acts.START:
            self.starts[injection.injection_id] = injection

    def disarm(self, injection: Injection) -> None:
        """No more; what is on its way finds nobody who holds the fault."""
        self.attempts.pop(injection.injection_id, None)
        self.starts.pop(injection.injection_id, None)

    def mark_targets(self, injection: Injection) -> None:
        """Attempts whose workers are about to be hit from outside."""
        for target in injection.targets:
            if target.token:
                self._mark(target.token, Mark(injection, hit=True, excused=target.excused))

    def remember(self, known: list[Drilled]) -> None:
        """Marks of faults that an earlier daemon injected, latest first."""
        for drilled in reversed(known):
            injection = drilled.injection
            folder = injection.folder
            if drilled.state != "active":
                folder = records.past_folder(injection)
            for effect in records.effects(folder):
                if effect.token:
                    self._mark(effect.token, Mark(injection, hit=True))
            fault = CATALOGUE.get(injection.fault)  # none, if a newer fnr ran here before
            if fault is not None and fault.reach is Reach.WORKER:
                self.mark_targets(injection)

    def for_claims(self, claims: list[Claim], now_ms: int) -> dict[str, WorkerFault] | None:
        """What attempts that are about to be handed over are to meet: token -> fault."""
        if not self.attempts:
            return None
        found = {
            claim.token: self.for_attempt(claim.task, claim.token, now_ms=now_ms)
            for claim in claims
        }
        return {token: fault for token, fault in found.items() if fault is not None}

    def for_attempt(self, task: Task, token: str, *, now_ms: int) -> WorkerFault | None:
        """What this attempt is to meet; the first fault that wants it."""
        for injection, where in self.attempts.values():
            if task.function not in injection.functions:
                continue
            if where is not None and not matches(where, _record(task), now_ms):
                continue
            if self._met_by(injection).times[task.task_id] >= injection.times:
                continue
            self._mark(token, Mark(injection))
            return _told(injection)
        return None

    def for_start(self, function: str) -> WorkerFault | None:
        """What a worker of this function is to meet while it loads."""
        for injection in self.starts.values():
            if function in injection.functions:
                return _told(injection)
        return None

    def marked(self, token: str, evidence: Evidence) -> Evidence:
        """The evidence with the drill that caused it, if one did."""
        mark = self._marks.get(token)
        if mark is None or not (mark.hit or token in self._met_by(mark.injection).tokens):
            return evidence
        drill_id, fault = mark.injection.drill_id, mark.injection.fault
        if mark.excused:
            why = f"{fault} of drill {drill_id}"
            return replace(
                evidence, drill=drill_id, killed_by=KilledBy.DRILL, kill_reason=why, message=why
            )
        return replace(evidence, drill=drill_id)

    def _mark(self, token: str, mark: Mark) -> None:
        if len(self._marks) >= MARKS_MAX:
            del self._marks[next(iter(self._marks))]
        self._marks[token] = mark

    def _met_by(self, injection: Injection) -> Met:
        # Who is forgotten here is read anew.
        known = self._met.pop(injection.injection_id, None) or Met(injection)
        if len(self._met) >= KNOWN_MAX:
            del self._met[next(iter(self._met))]
        self._met[injection.injection_id] = known
        return known.look()


def _told(injection: Injection) -> WorkerFault:
    return WorkerFault(
        fault=injection.fault,
        drill_id=injection.drill_id,
        folder=injection.folder,
        options=injection.options,
    )


def _record(task: Task) -> dict[str, object]:
    """A task as the filter language asks about it."""
    return {
        "id": task.task_id,
        "function": task.function,
        "state": task.state.value,
        "priority": task.priority,
        "attempts": task.attempts,
        "retries": task.retries,
        "replays": task.replays,
        "at": task.created_at_ms,
        "submitter": task.submitter,
        "unique": task.unique_key,
        "reason": task.reason,
        "tags": task.tags,
    }


def task_matches(where: str, task: Task, *, now_ms: int) -> bool:
    """Whether a filter finds a task. Raises FilterError."""
    return matches(parse(where), _record(task), now_ms)
