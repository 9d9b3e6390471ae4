"""Where the output of attempts stands in their workers' log files."""

from __future__ import annotations

from fnr.policy.record import PAGE_ITEMS_MAX, LogSpan
from fnr.store.ids import id_at
from fnr.store.tasks import find_id
from fnr.store.transaction import Row, Transaction

# Further back a function that ran little among many others is found by its own tasks.
ATTEMPTS_LOOKED_AT_MAX = 100_000
CHUNK = 2_000
NEIGHBOURS_LOOKED_AT_MAX = 500
# A daemon's start waits for it: some hundredths of a second.
LATEST_LOOKED_AT_MAX = 20_000
BEHIND_ALL = "~"

_SPAN = """
    a.task_id, a.token, a.number, a.worker_id, a.started_at_ms, a.ended_at_ms,
    coalesce(a.log_path, w.log_path), a.log_from, a.log_to
"""
_HAS_LOG = "coalesce(a.log_path, w.log_path) IS NOT NULL AND a.outcome <> 'returned'"
# Of a function that prints nothing there would be thousands of pages.
_PRINTED = "(a.log_from IS NULL OR a.log_to IS NULL OR a.log_to > a.log_from)"


def spans(
    tx: Transaction,
    *,
    task_id: str | None,
    function: str | None,
    since_ms: int | None,
    limit: int,
    before: str | None = None,
) -> list[LogSpan]:
    """The latest `limit` spans of a task, or of a function's attempts that printed, oldest first.

    An attempt that was taken back before it began has printed nothing: what its worker printed
    meanwhile was another one's.

    before: only attempts before the one with this token; fewer than `limit` are the last page.

    Raises NoSuchId, AmbiguousId when task_id is no beginning of one id.
    """
    limit = max(1, min(limit, PAGE_ITEMS_MAX))
    oldest = id_at(since_ms) if since_ms is not None else ""
    if task_id is not None:
        rows = _of_task(tx, find_id(tx, task_id), oldest, limit, before or BEHIND_ALL)
    else:
        rows = _of_function(tx, function, oldest, limit, before or BEHIND_ALL)
    return [_span(tx, row) for row in reversed(rows)]


def workers_of(tx: Transaction, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Attempts that are known and whose they were, behind a token, in order."""
    rows = tx.all(
        "SELECT token, worker_id FROM attempt WHERE token > ? ORDER BY token LIMIT ?",
        (after, limit),
    )
    return [(token, worker_id) for token, worker_id in rows]


def ends_in_logs(tx: Transaction) -> dict[str, int]:
    """Worker → where in its log that of its latest attempt ends which is settled.

    One that ran nothing among the latest attempts of all is not in it.
    """
    rows = tx.all(
        """
        SELECT near.worker_id, max(near.log_to)
          FROM (SELECT worker_id, log_to FROM attempt ORDER BY token DESC LIMIT ?) AS near
         WHERE near.log_to IS NOT NULL
         GROUP BY near.worker_id
        """,
        (LATEST_LOOKED_AT_MAX,),
    )
    return dict(rows)


def _of_task(tx: Transaction, task_id: str, oldest: str, limit: int, before: str) -> list[Row]:
    return tx.all(
        f"""
        SELECT {_SPAN}
          FROM attempt a
          LEFT JOIN worker w ON w.worker_id = a.worker_id
         WHERE a.task_id = ? AND (a.token >= ? OR a.ended_at_ms IS NULL) AND a.token < ?
           AND {_HAS_LOG}
         ORDER BY a.token DESC
         LIMIT ?
        """,
        (task_id, oldest, before, limit),
    )


def _of_function(
    tx: Transaction, function: str | None, oldest: str, limit: int, before: str
) -> list[Row]:
    """From the latest attempt back, in chunks; tokens are in the order of their claims."""
    found: list[Row] = []
    position = before
    for _ in range(ATTEMPTS_LOOKED_AT_MAX // CHUNK):
        tokens = tx.all(
            "SELECT token FROM attempt WHERE token < ? AND token >= ? ORDER BY token DESC LIMIT ?",
            (position, oldest, CHUNK),
        )
        if not tokens:
            return found
        last = tokens[-1][0]
        found += tx.all(
            f"""
            SELECT {_SPAN}
              FROM attempt a
              JOIN task t ON t.task_id = a.task_id
              LEFT JOIN worker w ON w.worker_id = a.worker_id
             WHERE a.token < ? AND a.token >= ? AND (? IS NULL OR t.function = ?)
               AND {_HAS_LOG} AND {_PRINTED}
             ORDER BY a.token DESC
             LIMIT ?
            """,
            (position, last, function, function, limit - len(found)),
        )
        if len(found) >= limit:
            return found
        position = last
    if function is None:
        return found
    return found + _of_its_tasks(tx, function, oldest, limit - len(found), position)


def _of_its_tasks(
    tx: Transaction, function: str, oldest: str, limit: int, before: str
) -> list[Row]:
    """The same from its tasks on: dear for one that has many, whatever the others have done."""
    return tx.all(
        f"""
        SELECT {_SPAN}
          FROM task t
         -- In this order: the other way round all attempts of others are gone through.
         CROSS JOIN attempt a
          LEFT JOIN worker w ON w.worker_id = a.worker_id
         WHERE t.function = ? AND a.task_id = t.task_id AND a.token >= ? AND a.token < ?
           AND {_HAS_LOG} AND {_PRINTED}
         ORDER BY a.token DESC
         LIMIT ?
        """,
        (function, oldest, before, limit),
    )


def _span(tx: Transaction, row: Row) -> LogSpan:
    task_id, token, number, worker_id, started_at_ms, ended_at_ms, log_path, start, end = row
    if start is None:
        start = _end_of_earlier(tx, token, worker_id)
    return LogSpan(
        task_id=task_id,
        token=token,
        number=number,
        worker_id=worker_id,
        started_at_ms=started_at_ms,
        ended_at_ms=ended_at_ms,
        log_path=log_path,
        log_from=start,
        log_to=end,
    )


def _end_of_earlier(tx: Transaction, token: str, worker_id: str) -> int:
    """Where a running attempt's output begins at the earliest: behind its worker's last one."""
    row = tx.one(
        """
        SELECT max(near.log_to)
          FROM (SELECT worker_id, log_to FROM attempt
                 WHERE token < ? ORDER BY token DESC LIMIT ?) AS near
         WHERE near.worker_id = ?
        """,
        (token, NEIGHBOURS_LOOKED_AT_MAX, worker_id),
    )
    return row[0] or 0 if row else 0
