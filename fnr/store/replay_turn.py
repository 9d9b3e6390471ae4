"""A replay's turn: look at its next entries, and put back, hold or skip each of them.

Whoever calls holds the transaction. An entry leaves its state here together with its letter and
its task, so it is put back once or not at all, whenever the daemon dies.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from fnr.policy.dead_letter import DeadLetter, LetterState
from fnr.policy.replay import EntryState, died_at_ms
from fnr.policy.replay_turn import Candidate, choose
from fnr.store import letters, replay_entries, replay_plans
from fnr.store.letters import FunctionKnown, InputProblem
from fnr.store.replay_plans import StoredPlan
from fnr.store.transaction import Transaction

_object = msgspec.json.Decoder(dict[str, object])

# What stops the whole plan before a letter of this function is put back; None: nothing.
FunctionStopped = Callable[[str], str | None]


class Turned(Struct, frozen=True, kw_only=True):
    """What a turn did. started: task → function. looked_at: entries whose turn it was.

    stopped: why the plan must pause instead; then nothing was put back.
    """

    started: dict[str, str] = field(default_factory=dict)
    looked_at: int = 0
    stopped: str | None = None


def put_back(
    tx: Transaction,
    stored: StoredPlan,
    *,
    free: int,
    now_ms: int,
    function_known: FunctionKnown,
    input_problem: InputProblem,
    function_stopped: FunctionStopped,
) -> Turned:
    """Take up to `free` entries in their order."""
    look = _Look(tx, stored, function_known=function_known, input_problem=input_problem)
    candidates = look.candidates(free)
    if (why := _stopped(candidates, function_stopped)) is not None:
        return Turned(stopped=why)
    busy = frozenset(
        candidate.key
        for candidate in candidates
        if candidate.key is not None
        and not candidate.ready
        and replay_entries.is_busy(tx, stored.seq, candidate.key)
    )
    choice = choose(candidates, busy=busy, free=free)
    plan = stored.plan
    by = f"{plan.created_by}, replay {plan.plan_id}"
    for candidate in choice.hold:
        _move(tx, stored.seq, candidate, EntryState.HELD, now_ms=now_ms)
    late: list[Candidate] = []
    started: dict[str, str] = {}
    for candidate in choice.start:
        # One that was put back a moment ago may have the key that both share.
        if (why := letters.unique_key_problem(tx, candidate.task_id)) is not None:
            late.append(replace(candidate, problem=why))
            continue
        letter = letters.get(tx, candidate.task_id)
        assert letter is not None, candidate
        letters.put_back(tx, letter, by=by, reason=plan.reason, now_ms=now_ms)
        _move(tx, stored.seq, candidate, EntryState.LIVE, now_ms=now_ms)
        started[candidate.task_id] = candidate.function
    for candidate in (*choice.skip, *late):
        why = candidate.problem or ""
        _move(tx, stored.seq, candidate, EntryState.SKIPPED, now_ms=now_ms, why=why)
        if candidate.key is not None and (candidate.ready or candidate in late):
            replay_entries.release(tx, stored.seq, candidate.key)
    if started:
        replay_plans.has_put_back(tx, stored.seq, now_ms=now_ms)
    return Turned(started=started, looked_at=choice.looked_at)


def would_stop(
    tx: Transaction,
    stored: StoredPlan,
    *,
    count: int,
    function_known: FunctionKnown,
    input_problem: InputProblem,
    function_stopped: FunctionStopped,
) -> str | None:
    """Why a plan that went on now would have to pause again; None when it would not."""
    for function in sorted({function for _, function in replay_entries.live(tx, stored.seq)}):
        if (why := function_stopped(function)) is not None:
            return why
    look = _Look(tx, stored, function_known=function_known, input_problem=input_problem)
    return _stopped(look.candidates(count), function_stopped)


def _stopped(candidates: list[Candidate], function_stopped: FunctionStopped) -> str | None:
    able = {candidate.function for candidate in candidates if candidate.problem is None}
    whys = map(function_stopped, sorted(able))
    return next((why for why in whys if why is not None), None)


def _move(
    tx: Transaction,
    plan: int,
    candidate: Candidate,
    after: EntryState,
    *,
    now_ms: int,
    why: str = "",
) -> None:
    replay_entries.move(
        tx,
        plan,
        (candidate.rank, candidate.task_id),
        before=EntryState.READY if candidate.ready else EntryState.PENDING,
        after=after,
        now_ms=now_ms,
        why=why,
        key=candidate.key,
    )


class _Look:
    """Reads what has to be known of entries before one of them is chosen."""

    def __init__(
        self,
        tx: Transaction,
        stored: StoredPlan,
        *,
        function_known: FunctionKnown,
        input_problem: InputProblem,
    ) -> None:
        self._tx = tx
        self._stored = stored
        self._plan = stored.plan
        self._function_known = function_known
        self._input_problem = input_problem

    def candidates(self, count: int) -> list[Candidate]:
        """The entries whose turn it is: those that were held, then the next in the order."""
        tx, stored = self._tx, self._stored
        ready = (
            replay_entries.in_state(tx, stored.seq, EntryState.READY, limit=count)
            if self._plan.held
            else []
        )
        found = [self._candidate(rank, task_id, key) for rank, task_id, key in ready]
        pending = replay_entries.pending_after(
            tx, stored.seq, replay_entries.START, limit=count - len(ready)
        )
        return found + [self._candidate(rank, task_id, None) for rank, task_id in pending]

    def _candidate(self, rank: int, task_id: str, key: str | None) -> Candidate:
        letter = letters.get(self._tx, task_id)
        ready = key is not None
        if letter is None:
            return Candidate(
                rank=rank, task_id=task_id, key=key, ready=ready, problem=self._gone(task_id)
            )
        return Candidate(
            rank=rank,
            task_id=task_id,
            function=letter.function,
            ready=ready,
            key=key if ready else self._key(task_id),
            problem=self._problem(letter, died_at_ms(self._plan.options.order, rank), ready=ready),
        )

    def _problem(self, letter: DeadLetter, died_at: int, *, ready: bool) -> str | None:
        """Why not; a letter is only put back as it was when the plan was made."""
        if letter.state is LetterState.REPLAYING:
            return "already replaying: by hand, or by another plan"
        if letter.state is LetterState.OPEN:
            if letter.died_at_ms != died_at:
                return "replayed meanwhile, and it died again"
            if not ready and replay_entries.stands_in(self._tx, self._stored.seq, letter.task_id):
                return "it has had its turn"
            if (author := self._edited_by(letter.task_id)) is not None:
                return f"its input was edited meanwhile by {author or 'somebody'}"
            other = replay_entries.other_plan(self._tx, self._stored, letter)
            if other is not None:
                return f"it waits in replay {other}, which was made earlier"
        return letters.replay_problem(
            self._tx,
            letter,
            function_known=self._function_known,
            input_problem=self._input_problem,
        )

    def _gone(self, task_id: str) -> str:
        row = self._tx.one("SELECT state FROM task WHERE task_id = ?", (task_id,))
        return f"replayed meanwhile, and it is {row[0]}" if row else "purged meanwhile"

    def _edited_by(self, task_id: str) -> str | None:
        row = self._tx.one(
            """
            SELECT i.author FROM task t
              JOIN task_input i ON i.task_id = t.task_id AND i.revision = t.input_revision
             WHERE t.task_id = ? AND i.revision > 1 AND i.at_ms > ?
            """,
            (task_id, self._plan.created_at_ms),
        )
        return row[0] if row else None

    def _key(self, task_id: str) -> str | None:
        """The value that this entry keeps its order by; without one it waits for nobody."""
        kind, _, name = self._plan.options.keep_order_by.partition(".")
        if not name:
            return None
        if kind == "tag":
            row = self._tx.one("SELECT tags FROM task WHERE task_id = ?", (task_id,))
            value = _object.decode(row[0]).get(name) if row else None
        else:
            value = _object.decode(letters.current_input(self._tx, task_id)).get(name)
        if value is None:
            return None
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
