"""Is the store whole? SQLite's own checks, and fnr's invariants across tables.

Each invariant is a query for what breaks it, so an empty answer is the proof. Reads everything:
minutes on a huge store, in one snapshot, beside a running daemon.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

from fnr.policy.record import Finding
from fnr.store.decision_invariants import DECISION_INVARIANTS
from fnr.store.invariant import Invariant
from fnr.store.json_invariants import JSON_INVARIANTS
from fnr.store.replay_invariants import REPLAY_INVARIANTS
from fnr.store.transaction import Transaction

IDS_SHOWN_MAX = 10
PROBLEMS_SHOWN_MAX = 100


INVARIANTS = (
    Invariant(
        "task-state",
        "a task is in no legal state, or its owner, wait or cancel do not fit the state",
        """
        SELECT task_id FROM task
         WHERE state NOT IN ('queued', 'waiting', 'running', 'done', 'dead', 'cancelled')
            OR (state = 'running') <> (owner IS NOT NULL)
            OR (state = 'waiting') <> (waiting_for IS NOT NULL)
            OR (cancel_asked <> 0 AND state <> 'running')
        """,
    ),
    Invariant(
        "running-task-has-attempt",
        "a running task's owner is not a running attempt of it",
        """
        SELECT t.task_id FROM task t
         WHERE t.state = 'running'
           AND NOT EXISTS (SELECT 1 FROM attempt a
                            WHERE a.token = t.owner AND a.task_id = t.task_id
                              AND a.outcome = 'running')
        """,
    ),
    Invariant(
        "running-attempt-owns-task",
        "a running attempt does not own its task",
        """
        SELECT a.token FROM attempt a
         WHERE a.outcome = 'running'
           AND NOT EXISTS (SELECT 1 FROM task t
                            WHERE t.task_id = a.task_id AND t.owner = a.token)
        """,
    ),
    Invariant(
        "attempts-counted",
        "a task's number of attempts is not how many it has",
        """
        SELECT t.task_id FROM task t
         WHERE t.attempts <> (SELECT count(*) FROM attempt a WHERE a.task_id = t.task_id)
        """,
    ),
    Invariant(
        "ended-attempt-has-decision",
        "an ended attempt has not exactly one ledger row, or a running one has any",
        """
        SELECT a.token FROM attempt a
         WHERE (SELECT count(*) FROM ledger l WHERE l.task_id = a.task_id AND l.token = a.token)
            <> (a.outcome <> 'running')
        """,
    ),
    Invariant(
        "decision-has-attempt",
        "a ledger row answers an attempt that is not there",
        """
        SELECT 'ledger ' || l.seq FROM ledger l
         WHERE l.token IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM attempt a
                            WHERE a.token = l.token AND a.task_id = l.task_id)
        """,
    ),
    Invariant(
        "failed-attempt-has-error",
        "a failed attempt has not exactly one error, or another one has any",
        """
        SELECT a.token FROM attempt a
         WHERE (SELECT count(*) FROM error e WHERE e.token = a.token AND e.task_id = a.task_id)
            <> (a.outcome = 'failed')
        """,
    ),
    Invariant(
        "error-has-incident",
        "an error's incident is not there, or has seen no error of that time",
        """
        SELECT e.error_id FROM error e
         WHERE NOT EXISTS (SELECT 1 FROM incident n
                            WHERE n.incident_id = e.incident_id
                              AND e.at_ms BETWEEN n.first_at_ms AND n.last_at_ms)
        """,
    ),
    Invariant(
        "incident-counts-errors",
        "an incident has counted fewer errors than it has",
        """
        SELECT n.incident_id FROM incident n
         WHERE n.count < (SELECT count(*) FROM error e WHERE e.incident_id = n.incident_id)
        """,
    ),
    Invariant(
        "rule-counts-errors",
        "a rule has been counted fewer times than it has errors",
        """
        SELECT named.rule
          FROM (SELECT rule, count(*) AS errors FROM error GROUP BY rule) AS named
         WHERE named.errors > coalesce((SELECT r.hits FROM rule_count r
                                         WHERE r.rule = named.rule), 0)
        """,
    ),
    Invariant(
        "incident-state",
        "an incident's latest move does not lead to its state, or one that never moved is not new",
        """
        SELECT n.incident_id FROM incident n
         WHERE n.state <> coalesce((SELECT m.after FROM incident_move m
                                     WHERE m.incident_id = n.incident_id
                                     ORDER BY m.seq DESC LIMIT 1), 'new')
            OR (n.state = 'snoozed') <> (n.snoozed_until_ms IS NOT NULL)
        """,
    ),
    Invariant(
        "dead-task-has-letter",
        "a dead task has no open dead letter",
        """
        SELECT t.task_id FROM task t
         WHERE t.state = 'dead'
           AND NOT EXISTS (SELECT 1 FROM dead_letter d
                            WHERE d.task_id = t.task_id AND d.state = 'open')
        """,
    ),
    Invariant(
        "letter-fits-task",
        "a letter and its task do not fit: open is dead, replaying is live, resolved is cancelled",
        """
        SELECT d.task_id FROM dead_letter d
         WHERE NOT EXISTS (
               SELECT 1 FROM task t
                WHERE t.task_id = d.task_id
                  -- A letter is under the name that was asked for, whoever has taken over since.
                  AND d.function = coalesce(
                      (SELECT json_extract(s.value, '$.function')
                         FROM json_each(nullif(t.degraded, '')) AS s
                        WHERE t.state <> 'dead' AND json_extract(s.value, '$.to') <> ''
                        ORDER BY s.key LIMIT 1),
                      t.function)
                  AND (   (d.state = 'open' AND t.state = 'dead')
                       OR (d.state = 'replaying' AND t.state IN ('queued', 'waiting', 'running'))
                       OR (d.state = 'resolved' AND t.state = 'cancelled')))
        """,
    ),
    Invariant(
        "task-has-input",
        "a task has no input at its current revision, or an earlier one is missing",
        """
        SELECT t.task_id FROM task t
         WHERE t.input_revision <> (SELECT count(*) FROM task_input i WHERE i.task_id = t.task_id)
            OR t.input_revision <> (SELECT max(i.revision) FROM task_input i
                                     WHERE i.task_id = t.task_id)
            OR NOT EXISTS (SELECT 1 FROM task_input i WHERE i.task_id = t.task_id)
        """,
    ),
    Invariant(
        "input-is-an-object",
        "an input is not a JSON object",
        """
        SELECT i.task_id FROM task_input i
         WHERE CASE WHEN json_valid(i.body) THEN json_type(i.body) <> 'object' ELSE TRUE END
        """,
    ),
    Invariant(
        "done-task-has-result",
        "a done task has no result",
        """
        SELECT t.task_id FROM task t
         WHERE t.state = 'done'
           AND NOT EXISTS (SELECT 1 FROM task_result r WHERE r.task_id = t.task_id)
        """,
    ),
    Invariant(
        "result-is-of-a-done-task",
        "a result is not JSON, or its task is not done",
        """
        SELECT r.task_id FROM task_result r
         WHERE NOT json_valid(r.body)
            OR NOT EXISTS (SELECT 1 FROM task t WHERE t.task_id = r.task_id AND t.state = 'done')
        """,
    ),
    Invariant(
        "tally-is-true",
        "a count that is kept beside the rows is not how many rows there are",
        """
        WITH truth AS (
             SELECT function, state, count(*) AS count FROM task GROUP BY function, state
             UNION ALL
             SELECT function, state || '/' || category || '/' || cause, count(*)
               FROM dead_letter GROUP BY 1, 2)
        SELECT k.function || ' ' || k.state
          FROM (SELECT function, state FROM truth UNION SELECT function, state FROM tally) AS k
          LEFT JOIN truth r ON r.function = k.function AND r.state = k.state
          LEFT JOIN tally c ON c.function = k.function AND c.state = k.state
         WHERE coalesce(r.count, 0) <> coalesce(c.count, 0)
        """,
    ),
    Invariant(
        "breaker-is-its-last-move",
        "a breaker's state or generation is not that of its last move",
        """
        SELECT b.name FROM breaker b
         WHERE b.generation <> (SELECT coalesce(max(m.generation), 0) FROM breaker_move m
                                 WHERE m.name = b.name)
            OR b.state <> coalesce((SELECT m.after FROM breaker_move m
                                     WHERE m.name = b.name AND m.generation = b.generation),
                                   'closed')
        """,
    ),
    Invariant(
        "breaker-moves-are-a-chain",
        "a breaker's move does not begin in the state in which the one before it ended",
        """
        SELECT m.name || ' ' || m.generation
          FROM breaker_move m
          JOIN breaker_move e ON e.name = m.name AND e.generation = m.generation - 1
         WHERE e.after <> m.before
        """,
    ),
    Invariant(
        "allocation-has-owner",
        "something is given to an attempt that does not run, or to a worker that has ended",
        """
        SELECT g.owner FROM allocation g
         WHERE CASE WHEN g.owner = g.worker_id
                    THEN EXISTS (SELECT 1 FROM worker w
                                  WHERE w.worker_id = g.owner AND w.ended_at_ms IS NOT NULL)
                    ELSE NOT EXISTS (SELECT 1 FROM attempt a
                                      WHERE a.token = g.owner AND a.outcome = 'running') END
        """,
    ),
    Invariant(
        "allocations-fit",
        "more of a device is given than there is, or a GPU is one holder's alone and others' too",
        """
        SELECT g.kind || ' ' || g.device FROM allocation g
         GROUP BY g.kind, g.device HAVING sum(g.amount) > max(g.capacity)
         UNION ALL
        SELECT 'gpu ' || g.device FROM allocation g
         WHERE g.kind = 'gpu'
           AND EXISTS (SELECT 1 FROM allocation o
                        WHERE o.kind = 'vram' AND o.device = g.device)
        """,
    ),
    Invariant(
        "undo-is-under-way",
        "a step of a task that has ended is still to be undone, and nobody is at it",
        """
        SELECT u.undo_id FROM undo_step u
          JOIN task t ON t.task_id = u.task_id
         WHERE (u.state = 'undoing' OR u.state = 'recorded' AND t.state IN ('dead', 'cancelled'))
           AND NOT EXISTS (SELECT 1 FROM undo_run r WHERE r.task_id = u.task_id)
        """,
    ),
    Invariant(
        "undo-of-done-task",
        "a step of a task that is done is still to be undone, or asks for an operator",
        """
        SELECT u.undo_id FROM undo_step u
          JOIN task t ON t.task_id = u.task_id
         WHERE t.state = 'done' AND u.state IN ('recorded', 'undoing', 'needs_operator')
        """,
    ),
    Invariant(
        "undo-before-retry",
        "a task waits for its undo and nobody is at it, or the other way round",
        """
        SELECT t.task_id FROM task t
         WHERE t.state = 'waiting' AND t.waiting_for = 'undo'
           AND NOT EXISTS (SELECT 1 FROM undo_run r
                            WHERE r.task_id = t.task_id AND r.purpose = 'retry')
        UNION ALL
        SELECT r.task_id FROM undo_run r
          JOIN task t ON t.task_id = r.task_id
         WHERE r.purpose = 'retry' AND t.waiting_for IS NOT 'undo'
            OR r.purpose = 'end' AND t.state NOT IN ('dead', 'cancelled')
        """,
    ),
    Invariant(
        "outbox-keys-are-unique",
        "an effect is kept twice under one key",
        "SELECT key FROM outbox NOT INDEXED GROUP BY key HAVING count(*) > 1",
    ),
    *DECISION_INVARIANTS,
    *JSON_INVARIANTS,
    *REPLAY_INVARIANTS,
)


def check(tx: Transaction) -> list[Finding]:
    """Everything that is broken, each with its first ids; nothing when the store is whole.

    On a damaged file a check that stumbles is a finding itself.
    """
    with tx.snapshot():
        found = _looked("sqlite-integrity", partial(_integrity, tx))
        found += _looked("foreign-key", partial(_foreign_keys, tx))
        for invariant in INVARIANTS:
            found += _looked(invariant.name, partial(_broken, tx, invariant))
        return found


def _looked(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except sqlite3.DatabaseError as error:
        return [Finding(invariant=name, what=f"could not be checked: {error}")]


def _integrity(tx: Transaction) -> list[Finding]:
    problems = [row[0] for row in tx.all(f"PRAGMA integrity_check({PROBLEMS_SHOWN_MAX})")]
    if problems == ["ok"]:
        return []
    return [
        Finding(
            invariant="sqlite-integrity",
            what="; ".join(problems[:IDS_SHOWN_MAX]),
            count=len(problems),
        )
    ]


def _foreign_keys(tx: Transaction) -> list[Finding]:
    counts: dict[tuple[str, str], int] = {}
    for table, _rowid, parent, _constraint in tx.all("PRAGMA foreign_key_check"):
        counts[table, parent] = counts.get((table, parent), 0) + 1
    return [
        Finding(
            invariant="foreign-key",
            what=f"rows of {table} belong to a row of {parent} that is not there",
            count=count,
        )
        for (table, parent), count in counts.items()
    ]


def _broken(tx: Transaction, invariant: Invariant) -> list[Finding]:
    rows = tx.all(
        f"SELECT broken.*, count(*) OVER () FROM ({invariant.broken}) AS broken LIMIT ?",
        (IDS_SHOWN_MAX,),
    )
    if not rows:
        return []
    return [
        Finding(
            invariant=invariant.name,
            what=invariant.what,
            ids=[row[0] for row in rows],
            count=rows[0][1],
        )
    ]
