"""Fill a store file with tasks that have ended, faster than running them would be."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec

from fnr.policy.evidence import Evidence
from fnr.policy.rules import Category, Classification, Level, Strategy
from fnr.store.migrate import migrate
from fnr.store.transaction import connect_writer

# Of ten tasks that ended, so many are dead letters unless asked otherwise.
DEAD_OF_TEN = 2
PAST_AT_MS = 1_700_000_000_000
FUNCTIONS = 4

_EVIDENCE = msgspec.json.encode(Evidence(message="boom", traceback="x" * 400)).decode()
_CLASSIFICATION = msgspec.json.encode(
    Classification(
        category=Category.PERMANENT,
        strategy=Strategy.DEAD_LETTER,
        rule="benchmark",
        level=Level.CODE,
        matched="boom",
        confidence=1.0,
    )
).decode()

# Ids are ULIDs to look at, older than any the daemon makes; every function has its share.
_ENDED = f"""
    CREATE TEMP TABLE ended AS
    WITH RECURSIVE numbers (n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
    SELECT n,
           printf('01A%023d', n) AS task_id,
           printf('01B%023d', n) AS token,
           'f' || (n % {FUNCTIONS}) AS function,
           CASE WHEN n % 10 < :dead_of_ten THEN 'dead' ELSE 'done' END AS state,
           {PAST_AT_MS} + n AS at_ms
      FROM numbers
"""
_ROWS = (
    """
    INSERT INTO task (task_id, function, state, priority, due_at_ms, created_at_ms, state_at_ms,
                      attempts, deaths, reason)
    SELECT task_id, function, state, 5, at_ms, at_ms, at_ms, 1, 0,
           CASE state WHEN 'dead' THEN 'permanent: boom' ELSE '' END
      FROM ended ORDER BY task_id
    """,
    """
    INSERT INTO task_input (task_id, revision, at_ms, body)
    SELECT task_id, 1, at_ms, '{"payload":"' || printf('%0184d', n) || '"}' FROM ended
    """,
    """
    INSERT INTO attempt (token, task_id, number, worker_id, boot_id, pid, pid_start,
                         started_at_ms, outcome, ended_at_ms)
    SELECT token, task_id, 1, printf('01C%023d', n % 100), 'boot', 1, 1, at_ms,
           CASE state WHEN 'dead' THEN 'failed' ELSE 'done' END, at_ms
      FROM ended
    """,
    """
    INSERT INTO ledger (at_ms, task_id, token, action, why)
    SELECT at_ms, task_id, token, 'complete', 'because' FROM ended WHERE state = 'done'
    """,
    """
    INSERT INTO ledger (at_ms, task_id, token, action, why, category, strategy, rule, error_id)
    SELECT at_ms, task_id, token, 'bury', 'because', 'permanent', 'dead_letter', 'benchmark',
           printf('01E%023d', n)
      FROM ended WHERE state = 'dead'
    """,
    """
    INSERT INTO task_result (task_id, token, body)
    SELECT task_id, token, '{"status":"done"}' FROM ended WHERE state = 'done'
    """,
    """
    INSERT INTO incident (incident_id, state, state_at_ms, state_by, title, parts, category, rule,
                          function, functions, count, first_at_ms, last_at_ms, last_error_id)
    SELECT '1:' || function, 'ongoing', max(at_ms), 'fnr', 'boom', '[]', 'permanent', 'benchmark',
           function, json_object(function, count(*)), count(*), min(at_ms), max(at_ms),
           printf('01E%023d', max(n))
      FROM ended WHERE state = 'dead' GROUP BY function
    """,
    """
    INSERT INTO error (error_id, task_id, token, incident_id, function, at_ms, category, strategy,
                       rule, message, evidence, classification)
    SELECT printf('01E%023d', n), task_id, token, '1:' || function, function, at_ms, 'permanent',
           'dead_letter', 'benchmark', 'boom', :evidence, :classification
      FROM ended WHERE state = 'dead'
    """,
    """
    INSERT INTO dead_letter (task_id, function, cause, category, reason, message, error_id,
                             died_at_ms, attempts)
    SELECT task_id, function, 'permanent', 'permanent', 'permanent: boom', 'boom',
           printf('01E%023d', n), at_ms, 1
      FROM ended WHERE state = 'dead'
    """,
    """
    INSERT INTO tally (function, state, count)
    SELECT function, state, count(*) FROM ended GROUP BY function, state
    """,
    """
    INSERT INTO tally (function, state, count)
    SELECT function, 'open/permanent/permanent', count(*)
      FROM ended WHERE state = 'dead' GROUP BY function
    """,
)


def fill(store_file: Path, *, count: int, dead_of_ten: int = DEAD_OF_TEN) -> None:
    """Create the store with `count` tasks, of ten so many dead with open letters, the others done.

    Written without fsync, then closed properly and brought to the disk: what lies there is what a
    daemon that ran them all would have left, except for the pages' order. Gigabytes that the kernel
    still had to write would be waited for by the first COMMITs that are measured.
    """
    connection = connect_writer(store_file)
    try:
        migrate(connection)
        for pragma in ("synchronous = OFF", "temp_store = FILE", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        connection.execute(_ENDED, {"count": count, "dead_of_ten": dead_of_ten})
        values = {"evidence": _EVIDENCE, "classification": _CLASSIFICATION}
        for statement in _ROWS:
            connection.execute(statement, values if ":evidence" in statement else {})
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        connection.close()
        raise
    connection.close()
    os.sync()
