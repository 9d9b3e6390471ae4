"""How breakers look: the row in a list, the page of one, why it stands as it does, its moves."""

from __future__ import annotations

from collections.abc import Iterator

from fnr.cli.render import Column, Listing, age, clock_time, in_time, moment, since
from fnr.cli.terminal import DIM, GREEN, RED, YELLOW, one_line
from fnr.client.instants import now_ms
from fnr.config.settings import BreakerTable
from fnr.config.units import format_duration
from fnr.policy.breaker import EARLY_OPENINGS_MAX, BreakerState
from fnr.policy.breaker_record import BreakerDetail, BreakerMoveRecord, BreakerStatus
from fnr.policy.counted import counted

_STYLES = {
    BreakerState.CLOSED: GREEN,
    BreakerState.OPEN: RED,
    BreakerState.HALF_OPEN: YELLOW,
    BreakerState.FORCED_OPEN: RED,
    BreakerState.FORCED_CLOSED: YELLOW,
    BreakerState.SHADOW: DIM,
}
# A state that ends only by hand ends in a hundred years.
_EVER_MS = 10 * 365 * 24 * 3_600_000
_BY_FILE = "it ends when fnr.toml says shadow = false and that is reloaded"


def _until(breaker: BreakerStatus) -> str:
    """ "in 5m"; "" when that is over, because then something else ends its state, or nothing."""
    at_ms = breaker.until_at_ms
    return in_time(at_ms) if _ends(breaker) and at_ms is not None and at_ms > now_ms() else ""


def _ends(breaker: BreakerStatus) -> bool:
    since_ms = breaker.since_at_ms or 0
    return breaker.until_at_ms is not None and breaker.until_at_ms - since_ms < _EVER_MS


BREAKERS: Listing[BreakerStatus] = Listing(
    schema="fnr.breaker.list/1",
    columns=(
        Column("BREAKER", lambda breaker: breaker.name),
        Column("STATE", lambda breaker: breaker.state, style=lambda b: _STYLES[b.state]),
        since("SINCE", lambda breaker: breaker.since_at_ms),
        Column("ENDS", _until, lambda breaker: moment(breaker.until_at_ms)),
        Column("STREAK", lambda breaker: breaker.streak, right=True),
        Column("CALLS", lambda breaker: breaker.recent, spare=True),
        Column("WHY", lambda breaker: breaker.why, flexible=True),
    ),
    name=lambda breaker: breaker.name,
    empty="no breakers yet: the daemon makes them when it starts",
)  # fmt: skip

MOVES: Listing[BreakerMoveRecord] = Listing(
    schema="fnr.breaker.history/1",
    columns=(
        since("AGE", lambda move: move.at_ms),
        Column("BREAKER", lambda move: move.name),
        Column("FROM", lambda move: move.before),
        Column("TO", lambda move: move.after, style=lambda m: _STYLES[m.after]),
        Column("BY", lambda move: move.by),
        Column("WHY", lambda move: move.why, flexible=True),
    ),
    name=lambda move: f"{move.name} {move.generation}",
    empty="no breaker has moved yet",
)  # fmt: skip


def page(detail: BreakerDetail, table: BreakerTable, written: dict[str, object]) -> str:
    """One breaker: how it stands, what it counted, its numbers."""
    breaker = detail.breaker
    rows = [
        ("breaker", breaker.name),
        ("state", _state_words(breaker)),
        ("why", breaker.why),
        ("calls", _counted(breaker, table)),
        ("openings", str(breaker.openings) if breaker.openings else ""),
        ("health", _health(breaker)),
        ("generation", str(breaker.generation)),
    ]
    lines = [f"{name + ':':<12}{one_line(value)}" for name, value in rows if value]
    if breaker.samples:
        lines += ["", "last failures:"]
        lines += [f"  {one_line(sample)}" for sample in breaker.samples]
    lines += ["", f"[breakers.{breaker.name}]"]
    from fnr.cli.settings_view import toml_value  # noqa: PLC0415 - only for people

    lines += [f"{key} = {one_line(toml_value(value))}" for key, value in written.items()]
    return "\n".join(lines) + "\n"


def story(detail: BreakerDetail, table: BreakerTable, users: dict[str, int], command: str) -> str:
    """Why it stands as it does, what made it so, and what would change it.

    command: how `fnr` is called for this home.
    users: functions that declare the service -> how many tasks of them are queued or waiting.
    """
    breaker = detail.breaker
    lines = [f"breaker {breaker.name} is {_state_words(breaker)}"]
    if breaker.since_at_ms is not None:
        lines.append(f"since {clock_time(breaker.since_at_ms)}, because: {one_line(breaker.why)}")
    opened = _opening(detail)
    if opened is not None:
        lines += ["", f"what opened it {age(opened.at_ms)} ago: {one_line(opened.why)}"]
        # By hand it was for another reason than what had failed until then.
        samples = opened.facts.get("samples", ()) if opened.after is BreakerState.OPEN else ()
        lines += [f"  {one_line(sample)}" for sample in samples]
    lines += ["", *_next(breaker, table, command)]
    if users:
        lines.append("")
        lines += [f"function {name} uses it; {_waiting(count)}" for name, count in users.items()]
    return "\n".join(lines) + "\n"


def _opening(detail: BreakerDetail) -> BreakerMoveRecord | None:
    """The move that opened it, unless it has been closed since, or that is what it is."""
    for move in detail.moves:
        if move.after is BreakerState.CLOSED:
            return None
        by_hand = move.after is BreakerState.FORCED_OPEN
        if move.after is BreakerState.OPEN or (by_hand and detail.breaker.state is not move.after):
            return move
    return None


def _waiting(count: int) -> str:
    if count == 1:
        return "one of its tasks waits or is queued"
    return f"{count} of its tasks wait or are queued"


def _next(breaker: BreakerStatus, table: BreakerTable, command: str) -> Iterator[str]:
    trials = "one trial succeeds" if table.trials == 1 else f"{table.trials} trials succeed"
    match breaker.state:
        case BreakerState.CLOSED:
            failed, of = table.window
            yield f"it opens after {counted(table.failures_max, 'failure')} in a row" + (
                f", or {failed} of the last {of} calls" if failed else ""
            )
            yield f"it has seen {_counted(breaker, table) or 'no failure that still counts'}"
        case BreakerState.OPEN:
            yield _test_words(breaker, has_probe=bool(table.probe))
            yield f"it closes when {trials}; a failed trial opens it again for twice as long"
            yield (
                f"to test it now: {command} breaker probe {breaker.name}"
                if table.probe
                else (f"to close it by hand: {command} breaker reset {breaker.name}")
            )
        case BreakerState.HALF_OPEN:
            yield f"it closes when {trials} ({breaker.good_trials} did); a failure opens it again"
        case _:
            if _ends(breaker):
                ends = f"{_until(breaker) or 'now'} it ends"
                yield f"{ends}; before: {command} breaker reset {breaker.name}"
            else:
                yield _BY_FILE
            if then := _behind(breaker, table):
                yield then


def _behind(breaker: BreakerStatus, table: BreakerTable) -> str:
    """What comes when a state that somebody forced is over; only one that watches has learnt."""
    if table.shadow and breaker.state is not BreakerState.SHADOW:
        return "then it only watches again, as fnr.toml says (shadow = true)"
    if breaker.state is BreakerState.FORCED_CLOSED:
        return "then it is closed, and its calls count again"
    if breaker.state is BreakerState.FORCED_OPEN:
        first = "as soon as its health probe succeeds, " if table.probe else ""
        return f"then it is tested, {first}with one task at a time"
    if breaker.own is BreakerState.CLOSED:
        return ""
    return f"behind it, its calls have made it {breaker.own.replace('_', ' ')}"


def _test_words(breaker: BreakerStatus, *, has_probe: bool) -> str:
    """When a task is spent on it; where there is a health probe, none before that succeeds."""
    until = _until(breaker)
    if not has_probe:
        return f"it is tested {until or 'now'}, with one task at a time"
    if until and breaker.openings > EARLY_OPENINGS_MAX:
        probed = "if its health probe has succeeded by then"
        return f"it is tested {until}, with one task at a time, {probed}"
    return "it is tested as soon as its health probe succeeds, with one task at a time"


def _state_words(breaker: BreakerStatus) -> str:
    words = breaker.state.replace("_", " ")
    if until := _until(breaker):
        words += f", ends {until}"
    elif breaker.state is BreakerState.OPEN:
        words += ", its rest is over"
    if breaker.forced_by:
        words += f", by {breaker.forced_by}"
        words += f": {one_line(breaker.forced_reason)}" if breaker.forced_reason else ""
    return words


def _counted(breaker: BreakerStatus, table: BreakerTable) -> str:
    if not breaker.recent:
        return ""
    words = f"{breaker.recent} (x failed), {counted(breaker.streak, 'failure')} in a row"
    if table.gradual:
        trips = table.rules(breaker.name).trip.sum_max
        words += f", sum of evidence {breaker.sum:g} of {trips:.1f}"
    return words


def _health(breaker: BreakerStatus) -> str:
    known = {None: "", True: "the last probe failed", False: "the last probe succeeded"}
    return known[breaker.probe_fails]


def rest_words(for_ms: int) -> str:
    """How long a forced state lasts."""
    return f"for {format_duration(for_ms)}"
