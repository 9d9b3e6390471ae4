"""Incidents: opened and counted in the transaction of each error, moved by people and by time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from fnr.policy import incident as moves
from fnr.policy.incident import Fingerprint, Incident, IncidentState, Move, Seen
from fnr.policy.record import IncidentDetail, SimilarIncident
from fnr.store.ids import IDS_SHOWN, AmbiguousId, NoSuchId
from fnr.store.rows import (
    ERROR_LINE_COLUMNS,
    ERRORS_JOINED,
    INCIDENT_COLUMNS,
    INCIDENT_NAMES,
    error_line_of,
    incident_of,
    json_text,
    marks,
)
from fnr.store.transaction import Row, Transaction

ERRORS_SHOWN = 10
MOVES_SHOWN = 100
# Whose id begins as somebody has typed it.
ERRORS_OF_PREFIX_MAX = 1_000
# Nearest incidents are looked for among the latest so many.
COMPARED_MAX = 2_000
LIKE_MIN = 0.1


def note(tx: Transaction, found: Fingerprint, seen: Seen) -> None:
    """Count an error in its incident; the first of its kind opens one."""
    before = get(tx, found.key)
    if before is None:
        _insert(tx, moves.opened(found, seen))
        return
    after = moves.joined(before, seen)
    if after.state is not before.state:
        _record(tx, before, after)
    tx.run(
        """
        UPDATE incident
           SET state = ?, state_at_ms = ?, state_by = ?, reason = ?, category = ?, rule = ?,
               function = ?, functions = ?, count = ?, first_at_ms = ?, last_at_ms = ?,
               last_error_id = ?, acked_by = ?, snoozed_until_ms = ?, regressions = ?
         WHERE incident_id = ?
        """,
        (
            after.state, after.state_at_ms, after.state_by, after.reason, after.category,
            after.rule, after.function, json_text(after.functions), after.count, after.first_at_ms,
            after.last_at_ms, after.last_error_id, after.acked_by, after.snoozed_until_ms,
            after.regressions, after.incident_id,
        ),
    )  # fmt: skip


def _insert(tx: Transaction, incident: Incident) -> None:
    tx.run(
        f"INSERT INTO incident ({', '.join(INCIDENT_NAMES)}) VALUES ({marks(INCIDENT_NAMES)})",
        _row(incident),
    )


def _row(incident: Incident) -> Row:
    """An incident as the values of INCIDENT_NAMES."""
    return tuple(
        json_text(value) if name in {"parts", "functions"} else value
        for name in INCIDENT_NAMES
        for value in [getattr(incident, name)]
    )


def get(tx: Transaction, incident_id: str) -> Incident | None:
    """The incident of exactly this fingerprint."""
    row = tx.one(
        f"SELECT {INCIDENT_COLUMNS} FROM incident n WHERE n.incident_id = ?", (incident_id,)
    )
    return incident_of(row) if row else None


def find_id(tx: Transaction, prefix: str) -> str:
    """The one incident whose id begins so, with or without the version before the colon; or the
    incident of the error whose id it is. Raises NoSuchId, AmbiguousId."""
    start = prefix.lower()
    starts = (start,) if ":" in start else tuple(f"{version}:{start}" for version in _versions(tx))
    rows: list[Row] = []
    for begin in starts:
        rows += tx.all(
            """
            SELECT incident_id FROM incident
             WHERE incident_id >= ? AND incident_id < ? ORDER BY incident_id LIMIT ?
            """,
            (begin, begin + "~", IDS_SHOWN),
        )
    if not rows and prefix.isalnum():
        rows = _of_errors(tx, prefix)
    if not rows or not prefix:
        raise NoSuchId(prefix, "incident")
    if len(rows) > 1:
        raise AmbiguousId(prefix, [incident_id for (incident_id,) in rows], "incident")
    found: str = rows[0][0]
    return found


def _of_errors(tx: Transaction, prefix: str) -> list[Row]:
    """The incidents of the errors whose id begins so. Raises AmbiguousId when those are many: to
    look at each would keep the daemon from all else."""
    rows = tx.all(
        """
        SELECT incident_id, error_id FROM error
         WHERE error_id >= ? AND error_id < ? ORDER BY error_id LIMIT ?
        """,
        (prefix.upper(), prefix.upper() + "~", ERRORS_OF_PREFIX_MAX),
    )
    found = dict.fromkeys((incident_id,) for incident_id, _ in rows)
    if len(rows) == ERRORS_OF_PREFIX_MAX and len(found) == 1:
        raise AmbiguousId(prefix, [error_id for _, error_id in rows[:IDS_SHOWN]], "error")
    return [*found][:IDS_SHOWN]


def _versions(tx: Transaction) -> list[str]:
    """Every version that a fingerprint in the store has; one seek each."""
    found: list[str] = []
    row = tx.one("SELECT incident_id FROM incident ORDER BY incident_id LIMIT 1")
    while row is not None:
        version = str(row[0]).partition(":")[0]
        found.append(version)
        row = tx.one(
            "SELECT incident_id FROM incident WHERE incident_id > ? ORDER BY incident_id LIMIT 1",
            (f"{version}:~",),
        )
    return found


def detail(tx: Transaction, prefix: str) -> IncidentDetail:
    """Everything about the incident whose id begins so. Raises NoSuchId, AmbiguousId."""
    incident_id = find_id(tx, prefix)
    incident = get(tx, incident_id)
    assert incident is not None, incident_id
    moved = tx.all(
        """
        SELECT at_ms, before, after, by, why FROM incident_move
         WHERE incident_id = ? ORDER BY seq DESC LIMIT ?
        """,
        (incident_id, MOVES_SHOWN),
    )
    lines = tx.all(
        f"""
        SELECT {ERROR_LINE_COLUMNS} FROM {ERRORS_JOINED}
         WHERE e.incident_id = ? ORDER BY e.error_id DESC LIMIT ?
        """,
        (incident_id, ERRORS_SHOWN),
    )
    return IncidentDetail(
        incident=incident,
        moves=[
            Move(
                at_ms=at_ms,
                before=IncidentState(before),
                after=IncidentState(after),
                by=by,
                why=why,
            )
            for at_ms, before, after, by, why in reversed(moved)
        ],
        errors=[error_line_of(row) for row in lines],
    )


def similar(tx: Transaction, prefix: str, *, limit: int) -> list[SimilarIncident]:
    """The incidents that share most with one, the nearest first."""
    own = get(tx, find_id(tx, prefix))
    assert own is not None, prefix
    rows = tx.all(
        f"""
        SELECT {INCIDENT_COLUMNS} FROM incident n
         ORDER BY n.last_at_ms DESC, n.incident_id DESC LIMIT ?
        """,
        (COMPARED_MAX,),
    )
    found = [
        SimilarIncident(
            likeness=moves.likeness(own.parts, other.parts),
            incident=other,
            shared=moves.shared_parts(own.parts, other.parts),
        )
        for other in map(incident_of, rows)
        if other.incident_id != own.incident_id
    ]
    near = [one for one in found if one.likeness >= LIKE_MIN]
    return sorted(near, key=lambda one: (-one.likeness, one.incident.incident_id))[:limit]


# ── moves ────────────────────────────────────────────────────────────────────


def change(
    tx: Transaction, ids: Sequence[str], move: Callable[[Incident], Incident | str]
) -> tuple[list[str], dict[str, str]]:
    """Move incidents by hand; the ids that moved, and id → why not. Raises NoSuchId,
    AmbiguousId before anything is changed."""
    changed: list[str] = []
    unchanged: dict[str, str] = {}
    for incident_id in dict.fromkeys([find_id(tx, prefix) for prefix in ids]):
        before = get(tx, incident_id)
        assert before is not None, incident_id
        after = move(before)
        if isinstance(after, str):
            unchanged[incident_id] = after
            continue
        _keep(tx, before, after)
        changed.append(incident_id)
    return changed, unchanged


def age(tx: Transaction, *, now_ms: int, count_max: int) -> list[Incident]:
    """End snoozes whose time is over."""
    rows = tx.all(
        f"""
        SELECT {INCIDENT_COLUMNS} FROM incident n
         WHERE n.snoozed_until_ms <= ? ORDER BY n.snoozed_until_ms LIMIT ?
        """,
        (now_ms, count_max),
    )
    found = []
    for before in map(incident_of, rows):
        after = moves.aged(before, now_ms=now_ms)
        _keep(tx, before, after)
        found.append(after)
    return found


def quiet(tx: Transaction, *, quiet_before_ms: int, count_max: int) -> list[str]:
    """Incidents with nothing new since then whose tasks have all recovered: done, or put to rest.

    Looks at every error of an incident if it must: ask on a reader's thread.
    """
    rows = tx.all(
        """
        SELECT n.incident_id
          FROM incident n
         WHERE n.state <> 'resolved' AND n.last_at_ms < ?
           AND NOT EXISTS (SELECT 1 FROM error e JOIN task t ON t.task_id = e.task_id
                            WHERE e.incident_id = n.incident_id
                              AND t.state NOT IN ('done', 'cancelled'))
         ORDER BY n.last_at_ms
         LIMIT ?
        """,
        (quiet_before_ms, count_max),
    )
    return [incident_id for (incident_id,) in rows]


def rest(
    tx: Transaction, ids: Sequence[str], *, quiet_before_ms: int, quiet_ms: int, now_ms: int
) -> int:
    """Resolve incidents that `quiet` has found, unless something came meanwhile; how many."""
    count = 0
    for incident_id in ids:
        before = get(tx, incident_id)
        if before is None or before.state is IncidentState.RESOLVED:
            continue
        if before.last_at_ms < quiet_before_ms:
            _keep(tx, before, moves.rested(before, quiet_ms=quiet_ms, now_ms=now_ms))
            count += 1
    return count


def next_snooze_end_ms(tx: Transaction) -> int | None:
    """When the next snooze is over."""
    row = tx.one("SELECT min(snoozed_until_ms) FROM incident WHERE snoozed_until_ms IS NOT NULL")
    return row[0] if row else None


def forget(tx: Transaction, *, quiet_before_ms: int, count_max: int) -> int:
    """Remove resolved incidents that are that old and whose errors retention has removed."""
    return tx.run(
        """
        DELETE FROM incident
         WHERE incident_id IN (
               SELECT n.incident_id FROM incident n
                WHERE n.last_at_ms < ? AND n.state = 'resolved'
                  AND NOT EXISTS (SELECT 1 FROM error e WHERE e.incident_id = n.incident_id)
                ORDER BY n.last_at_ms LIMIT ?)
        """,
        (quiet_before_ms, count_max),
    )


def _keep(tx: Transaction, before: Incident, after: Incident) -> None:
    # What people say of it is kept where the state stays what it was, too.
    if before != replace(after, acked_by=before.acked_by):
        _record(tx, before, after)
    tx.run(
        """
        UPDATE incident
           SET state = ?, state_at_ms = ?, state_by = ?, reason = ?, acked_by = ?,
               snoozed_until_ms = ?
         WHERE incident_id = ?
        """,
        (
            after.state, after.state_at_ms, after.state_by, after.reason, after.acked_by,
            after.snoozed_until_ms, after.incident_id,
        ),
    )  # fmt: skip


def _record(tx: Transaction, before: Incident, after: Incident) -> None:
    tx.run(
        """
        INSERT INTO incident_move (incident_id, at_ms, before, after, by, why)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        (
            after.incident_id, after.state_at_ms, before.state, after.state, after.state_by,
            after.reason,
        ),
    )  # fmt: skip
