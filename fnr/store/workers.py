"""Worker processes as remembered: enough for a new daemon to adopt them."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.record import WorkerRecord
from fnr.store import allocations
from fnr.store.tally import functions
from fnr.store.transaction import Row, Transaction

GONE_SHOWN_MAX = 50
GONE_KEPT_MAX = 1_000

_COLUMNS = """
    w.worker_id, w.function, w.boot_id, w.pid, w.pid_start, w.started_at_ms, w.secret,
    w.log_path, w.now_path, w.ended_at_ms, w.end
"""


def insert(tx: Transaction, record: WorkerRecord) -> None:
    """Remember a worker that was just started."""
    tx.run(
        """
        INSERT INTO worker (worker_id, function, boot_id, pid, pid_start, started_at_ms, secret,
                            log_path, now_path)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        -- A COMMIT that reported an error may have written it all the same.
        ON CONFLICT (worker_id) DO NOTHING
        """,
        (
            record.worker_id, record.function, record.boot_id, record.pid, record.pid_start,
            record.started_at_ms, record.secret, record.log_path, record.now_path,
        ),
    )  # fmt: skip


def end(tx: Transaction, worker_id: str, *, at_ms: int, end: str) -> None:
    """The worker is gone, and gives back what it kept; the first word on how it ended stays."""
    allocations.release(tx, worker_id)
    tx.run(
        """
        UPDATE worker SET ended_at_ms = ?, end = ?, secret = ''
         WHERE worker_id = ? AND ended_at_ms IS NULL
        """,
        (at_ms, end, worker_id),
    )


def alive(tx: Transaction) -> list[WorkerRecord]:
    """Workers that have not been seen to end, with their secrets."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM worker w WHERE w.ended_at_ms IS NULL ORDER BY w.worker_id"
    )
    busy = _busy(tx) if rows else {}
    return [_record(row, busy.get(row[0])) for row in rows]


def listed(
    tx: Transaction, *, function: str | None = None, gone: bool = False
) -> list[WorkerRecord]:
    """Workers alive, and with `gone` the latest that ended; without secrets."""
    found = alive(tx)
    if gone:
        rows = tx.all(
            f"""
            SELECT {_COLUMNS} FROM worker w
             WHERE w.ended_at_ms IS NOT NULL ORDER BY w.ended_at_ms DESC LIMIT ?
            """,
            (GONE_KEPT_MAX if function else GONE_SHOWN_MAX,),
        )
        found += [_record(row, None) for row in rows]
    return [replace(record, secret="") for record in found if function in {None, record.function}]


def _busy(tx: Transaction) -> dict[str, str]:
    """Worker → the task of its oldest running attempt."""
    rows: list[Row] = []
    for function in functions(tx):
        rows += tx.all(
            """
            SELECT a.worker_id, a.task_id
              FROM task t
              JOIN attempt a ON a.token = t.owner
             WHERE t.function = ? AND t.state = 'running'
             ORDER BY a.token DESC
            """,
            (function,),
        )
    return dict(rows)


def now_path(tx: Transaction, worker_id: str) -> str | None:
    """Where a worker's now-file was; None when no such worker is remembered."""
    row = tx.one("SELECT now_path FROM worker WHERE worker_id = ?", (worker_id,))
    return None if row is None else row[0]


def forget_oldest(tx: Transaction, *, count_max: int) -> int:
    """Remove up to count_max rows of workers that ended, except the latest; how many went."""
    return tx.run(
        """
        DELETE FROM worker
         WHERE worker_id IN (
               SELECT worker_id FROM worker
                WHERE ended_at_ms IS NOT NULL
                ORDER BY ended_at_ms DESC
                LIMIT ? OFFSET ?)
        """,
        (count_max, GONE_KEPT_MAX),
    )


def _record(row: Row, task_id: str | None) -> WorkerRecord:
    ended_at_ms = row[9]
    state = "busy" if task_id else "idle"
    return WorkerRecord(
        worker_id=row[0],
        function=row[1],
        state=state if ended_at_ms is None else "gone",
        boot_id=row[2],
        pid=row[3],
        pid_start=row[4],
        started_at_ms=row[5],
        secret=row[6],
        log_path=row[7],
        now_path=row[8],
        ended_at_ms=ended_at_ms,
        end=row[10],
        task_id=task_id,
    )
