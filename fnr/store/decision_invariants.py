"""Is every decision complete? What failed has one error, one decision that fits it, and an outcome.

Together with the invariants that count errors and ledger rows per attempt, they prove that nothing
was decided twice, for another reason than the one on record, or without a consequence.
"""

from __future__ import annotations

from fnr.store.invariant import Invariant

DECISION_INVARIANTS = (
    Invariant(
        "decision-fits-outcome",
        "what was decided is not what follows from how the attempt ended",
        """
        SELECT a.token FROM attempt a JOIN ledger l ON l.task_id = a.task_id AND l.token = a.token
         WHERE CASE a.outcome
               WHEN 'done' THEN l.action <> 'complete'
               WHEN 'failed' THEN l.action NOT IN ('retry', 'wait', 'park', 'degrade', 'bury')
               WHEN 'cancelled' THEN l.action <> 'cancel'
               WHEN 'running' THEN FALSE
               -- What a breaker let not begin waits, or is done in another way, and costs nothing.
               WHEN 'interrupted' THEN l.action NOT IN ('put_back', 'wait', 'degrade')
               ELSE l.action <> 'put_back' END
        """,
    ),
    Invariant(
        "decision-names-its-failure",
        "a decision does not name the error it answers, or another category, strategy or rule",
        """
        SELECT e.error_id FROM error e JOIN ledger l ON l.task_id = e.task_id AND l.token = e.token
         WHERE (l.error_id, l.category, l.strategy, l.rule)
               IS NOT (e.error_id, e.category, e.strategy, e.rule)
        """,
    ),
    Invariant(
        "death-was-decided",
        "a task is dead and no decision since its last replay says why",
        """
        SELECT t.task_id FROM task t
         WHERE t.state = 'dead'
           AND NOT EXISTS (SELECT 1 FROM ledger l
                            WHERE l.task_id = t.task_id AND l.action IN ('bury', 'expire')
                              AND l.why <> ''
                              AND l.seq > coalesce((SELECT max(r.seq) FROM ledger r
                                                     WHERE r.task_id = t.task_id
                                                       AND r.action = 'replay'), 0))
        """,
    ),
)
