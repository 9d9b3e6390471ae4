"""Pauses before the next try, when the wall clock they were reckoned by has been set."""

from __future__ import annotations

from fnr.store.tally import functions
from fnr.store.transaction import Transaction

# What was tried before and is due later pauses after a failure; what was never tried is due when
# somebody said, and stays so.
_PAUSED = (
    "state = 'waiting'",
    "state = 'queued' AND attempts > 0 AND function = :function",
)


def shift(tx: Transaction, *, by_ms: int, old_now_ms: int) -> int:
    """The clock was set by so much: pauses go on as long as they would have; how many.

    Since when it waits is shifted as well: what may end a wait early is reckoned from there.
    """
    if by_ms < 0:
        # First: what is shifted afterwards could not be told from what was due.
        _keep_due(tx, now_ms=max(0, old_now_ms + by_ms), old_now_ms=old_now_ms)
    moved = 0
    for where, names in ((_PAUSED[0], [""]), (_PAUSED[1], functions(tx))):
        for function in names:
            moved += tx.run(
                f"""
                UPDATE task
                   SET due_at_ms = CASE WHEN due_at_ms + :by_ms < 0 THEN 0
                                        ELSE due_at_ms + :by_ms END,
                       state_at_ms = CASE WHEN state_at_ms + :by_ms < 0 THEN 0
                                          ELSE state_at_ms + :by_ms END
                 WHERE {where} AND due_at_ms > :old_now_ms
                """,
                {"by_ms": by_ms, "old_now_ms": old_now_ms, "function": function},
            )
    moved += tx.run(
        """
        UPDATE undo_run
           SET due_at_ms = CASE WHEN due_at_ms + :by_ms < 0 THEN 0 ELSE due_at_ms + :by_ms END
         WHERE due_at_ms > :old_now_ms
        """,
        {"by_ms": by_ms, "old_now_ms": old_now_ms},
    )
    # A snooze was asked for as so long, and not until when.
    tx.run(
        """
        UPDATE incident SET snoozed_until_ms = snoozed_until_ms + :by_ms
         WHERE snoozed_until_ms > :old_now_ms
        """,
        {"by_ms": by_ms, "old_now_ms": old_now_ms},
    )
    # When a channel was told, and when it is to be: both are reckoned from each other.
    tx.run(
        """
        UPDATE alert
           SET due_at_ms = CASE WHEN due_at_ms + :by_ms < 0 THEN 0 ELSE due_at_ms + :by_ms END,
               told_at_ms = told_at_ms + :by_ms,
               failing_since_ms = failing_since_ms + :by_ms
        """,
        {"by_ms": by_ms},
    )
    # How far a ramp is is told by when its plan set out.
    tx.run(
        """
        UPDATE replay_plan SET running_at_ms = running_at_ms + :by_ms
         WHERE state NOT IN ('done', 'cancelled') AND running_at_ms IS NOT NULL
        """,
        {"by_ms": by_ms},
    )
    return moved


def _keep_due(tx: Transaction, *, now_ms: int, old_now_ms: int) -> None:
    """What was due by the old time is due by the new one, whoever had said when."""
    moment = {"now_ms": now_ms, "old_now_ms": old_now_ms}
    for where, names in (
        ("state = 'waiting'", [""]),
        ("state = 'queued' AND function = :function", functions(tx)),
    ):
        for function in names:
            tx.run(
                f"""
                UPDATE task SET due_at_ms = :now_ms
                 WHERE {where} AND due_at_ms > :now_ms AND due_at_ms <= :old_now_ms
                """,
                {**moment, "function": function},
            )
    tx.run(
        """
        UPDATE undo_run SET due_at_ms = :now_ms
         WHERE due_at_ms > :now_ms AND due_at_ms <= :old_now_ms
        """,
        moment,
    )
    tx.run(
        """
        UPDATE incident SET snoozed_until_ms = :now_ms
         WHERE snoozed_until_ms > :now_ms AND snoozed_until_ms <= :old_now_ms
        """,
        moment,
    )
    _tell_now(tx, now_ms=now_ms)


def note_clock(tx: Transaction, *, boot_id: str, offset_ms: int) -> int | None:
    """Keep how far the wall clock is ahead of the boot clock; how far it was, if in this boot."""
    row = tx.one("SELECT value FROM meta WHERE key = 'clock'")
    noted = str(row[0]).split() if row else []
    if noted != [boot_id, str(offset_ms)]:
        tx.run(
            """
            INSERT INTO meta (key, value) VALUES ('clock', ?)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value
            """,
            (f"{boot_id} {offset_ms}",),
        )
    return int(noted[1]) if len(noted) == 2 and noted[0] == boot_id else None


def bound(tx: Transaction, *, now_ms: int, latest_at_ms: int) -> int:
    """No pause ends later than this: the clock may have been set back while nobody watched."""
    moment = {"now_ms": now_ms, "latest_at_ms": latest_at_ms}
    moved = 0
    for where, names in ((_PAUSED[0], [""]), (_PAUSED[1], functions(tx))):
        for function in names:
            moved += tx.run(
                f"""
                UPDATE task
                   SET due_at_ms = :latest_at_ms,
                       state_at_ms = CASE WHEN state_at_ms > :now_ms THEN :now_ms
                                          ELSE state_at_ms END
                 WHERE {where} AND due_at_ms > :latest_at_ms
                """,
                {**moment, "function": function},
            )
    moved += tx.run(
        "UPDATE undo_run SET due_at_ms = :latest_at_ms WHERE due_at_ms > :latest_at_ms",
        {"latest_at_ms": latest_at_ms},
    )
    tx.run(
        "UPDATE alert SET due_at_ms = :now_ms WHERE due_at_ms > :latest_at_ms",
        {"now_ms": now_ms, "latest_at_ms": latest_at_ms},
    )
    _tell_now(tx, now_ms=now_ms)
    return moved


def _tell_now(tx: Transaction, *, now_ms: int) -> None:
    """Effects have no pauses: they are due from the moment that they are there."""
    tx.run("UPDATE outbox SET due_at_ms = :now_ms WHERE due_at_ms > :now_ms", {"now_ms": now_ms})
