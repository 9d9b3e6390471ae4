"""Can what is kept as JSON be read again? One row that cannot be keeps every list from being shown.

Inputs and results have invariants of their own.
"""

from __future__ import annotations

from fnr.store.invariant import Invariant

JSON_INVARIANTS = (
    Invariant(
        "json-can-be-read",
        "JSON that is kept with a row cannot be read",
        # kind: what the JSON is; '' where it may be anything.
        """
        SELECT kept.id
          FROM (SELECT task_id AS id, 'object' AS kind, tags AS body FROM task
                 UNION ALL SELECT task_id, 'array', nullif(degraded, '') FROM task
                 UNION ALL SELECT task_id, '', body FROM checkpoint
                 UNION ALL SELECT error_id, 'object', evidence FROM error
                 UNION ALL SELECT error_id, 'object', classification FROM error
                 UNION ALL SELECT error_id, 'object', evidence FROM correction
                 UNION ALL SELECT error_id, 'object', classification FROM correction
                 UNION ALL SELECT incident_id, 'array', parts FROM incident
                 UNION ALL SELECT incident_id, 'object', functions FROM incident
                 UNION ALL SELECT 'ledger ' || seq, 'object', numbers FROM ledger
                 UNION ALL SELECT name, 'object', counts FROM breaker
                 UNION ALL SELECT name, 'array', samples FROM breaker
                 UNION ALL SELECT name || ' ' || generation, 'object', facts FROM breaker_move
                 UNION ALL SELECT undo_id, '', data FROM undo_step
                 UNION ALL SELECT undo_id, '', receipt FROM undo_step
                 UNION ALL SELECT key, '', data FROM outbox
                 UNION ALL SELECT plan_id, 'object', options FROM replay_plan) AS kept
         WHERE kept.body IS NOT NULL
           AND CASE WHEN json_valid(kept.body)
                    THEN kept.kind <> '' AND json_type(kept.body) <> kept.kind
                    ELSE TRUE END
        """,
    ),
)
