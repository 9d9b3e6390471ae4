"""What people are likely to type next: the latest ids of each kind, and the breakers there are."""

from __future__ import annotations

from fnr.store.transaction import Transaction

# What a person would look through; and a shell reads them all at every press of TAB.
IDS_MAX = 500

# Name of the file of words -> the newest first, each with a few words of ours about it.
_LATEST = {
    "tasks": """
        SELECT task_id, function || ' ' || state FROM task ORDER BY task_id DESC LIMIT ?
        """,
    "letters": """
        SELECT task_id, function || ' ' || category
          FROM dead_letter
         WHERE state = 'open'
         ORDER BY died_at_ms DESC, task_id DESC
         LIMIT ?
        """,
    "errors": """
        SELECT error_id, function || ' ' || category FROM error ORDER BY error_id DESC LIMIT ?
        """,
    "incidents": """
        SELECT incident_id, function || ' ' || category || ' ' || state
          FROM incident
         ORDER BY last_at_ms DESC, incident_id DESC
         LIMIT ?
        """,
    "replays": """
        SELECT plan_id, state FROM replay_plan ORDER BY seq DESC LIMIT ?
        """,
    "undo": """
        SELECT undo_id, function || ' ' || kind FROM undo_step
         WHERE state = 'needs_operator' ORDER BY undo_id DESC LIMIT ?
        """,
    "breakers": """
        SELECT name, replace(state, '_', ' ') FROM breaker ORDER BY name LIMIT ?
        """,
    "workers": """
        SELECT worker_id, function FROM worker WHERE ended_at_ms IS NULL ORDER BY function LIMIT ?
        """,
}


def latest_ids(tx: Transaction) -> dict[str, list[tuple[str, str]]]:
    """Kind of id -> (id, what it is), newest first; breakers by name."""
    return {kind: [*tx.all(sql, (IDS_MAX,))] for kind, sql in _LATEST.items()}
