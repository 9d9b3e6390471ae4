"""What must hold between replays, their entries and the letters that these put back."""

from __future__ import annotations

from fnr.store.invariant import Invariant

REPLAY_INVARIANTS = (
    Invariant(
        "replay-counts-entries",
        "a replay's counts are not how many entries it has in each state",
        """
        SELECT p.plan_id FROM replay_plan p
          LEFT JOIN (
               SELECT plan, count(*) AS taken,
                      count(*) FILTER (WHERE state IN ('held', 'ready')) AS held,
                      count(*) FILTER (WHERE state = 'live') AS live,
                      count(*) FILTER (WHERE state = 'done') AS done,
                      count(*) FILTER (WHERE state = 'dead') AS dead,
                      count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
                      count(*) FILTER (WHERE state = 'skipped') AS skipped
                 FROM replay_entry GROUP BY plan) AS r ON r.plan = p.seq
          LEFT JOIN (
               SELECT plan, count(*) AS pending FROM replay_pending GROUP BY plan) AS w
            ON w.plan = p.seq
         WHERE (p.total, p.held, p.live, p.done, p.dead, p.cancelled, p.skipped)
            <> (coalesce(r.taken, 0) + coalesce(w.pending, 0),
                coalesce(r.held, 0), coalesce(r.live, 0), coalesce(r.done, 0),
                coalesce(r.dead, 0), coalesce(r.cancelled, 0), coalesce(r.skipped, 0))
        """,
    ),
    Invariant(
        "replay-moves-lead-to-its-state",
        "a replay is not where its latest move has led",
        """
        SELECT p.plan_id FROM replay_plan p
         WHERE (p.state, p.state_at_ms, p.state_by, p.why) IS NOT (
               SELECT m.state, m.at_ms, m.author, m.why FROM replay_move m
                WHERE m.plan = p.seq ORDER BY m.number DESC LIMIT 1)
        """,
    ),
    Invariant(
        "pending-entry-lies-ahead",
        "an entry of a replay is pending, but one behind it has had its turn",
        """
        SELECT p.plan_id FROM replay_plan p
         WHERE (SELECT w.rank FROM replay_pending w
                 WHERE w.plan = p.seq ORDER BY w.rank, w.task_id LIMIT 1)
             < (SELECT o.rank FROM replay_entry o
                 WHERE o.plan = p.seq ORDER BY o.rank DESC, o.task_id DESC LIMIT 1)
        """,
    ),
    Invariant(
        "live-entry-is-replaying",
        "an entry of a replay is live, but its letter is not replaying",
        """
        SELECT o.task_id FROM replay_entry o
         WHERE o.state = 'live'
           AND NOT EXISTS (SELECT 1 FROM dead_letter d
                            WHERE d.task_id = o.task_id AND d.state = 'replaying')
        """,
    ),
    Invariant(
        "held-entry-waits-for-another",
        "an entry of a replay is held, but nothing of its key is live or ready",
        """
        SELECT o.task_id FROM replay_entry o
         WHERE o.state = 'held'
           AND NOT EXISTS (SELECT 1 FROM replay_entry x
                            WHERE x.plan = o.plan AND x.key = o.key
                              AND x.state IN ('live', 'ready'))
        """,
    ),
    Invariant(
        "done-replay-has-nothing-left",
        "a replay is done, but entries of it have not ended",
        """
        SELECT p.plan_id FROM replay_plan p
         WHERE p.state = 'done'
           AND p.total <> p.done + p.dead + p.cancelled + p.skipped
        """,
    ),
)
