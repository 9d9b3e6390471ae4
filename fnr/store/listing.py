"""Lists of tasks, letters, errors and incidents: what they read, in which order, which kinds.

Four tables of data; paging.py reads them. A kind is what the tally counts: (function, state) of a
task, (function, state, category, cause) of a letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from fnr.policy.filter import (
    ERROR_FIELDS,
    INCIDENT_FIELDS,
    LETTER_FIELDS,
    TASK_FIELDS,
    UNDO_FIELDS,
    AnyOf,
    Compare,
    Expr,
    Or,
)
from fnr.policy.filter_fields import Field
from fnr.policy.incident import OPEN_STATES
from fnr.store.rows import (
    ERROR_LINE_COLUMNS,
    ERRORS_JOINED,
    INCIDENT_COLUMNS,
    LETTER_COLUMNS,
    TASK_COLUMNS,
    error_line_of,
    incident_of,
    letter_of,
    task_of,
)
from fnr.store.transaction import Row
from fnr.store.undo import STEP_COLUMNS, step_of

Kind = tuple[str, ...]


class Listing(Struct, frozen=True, kw_only=True):
    """One list.

    keys: the order's columns, all descending. columns: what `item` reads. sql_of: field of a
    filter → column of `joined`. kind_fields: the names of a Kind's parts, in order; none: the tally
    does not count this list, and its only run is all of it. default: what is meant at a moment by a
    filter that names no state.
    """

    fields: Mapping[str, Field]
    table: str
    joined: str
    keys: tuple[str, ...]
    last_key: tuple[Any, ...]
    order: str
    columns: str
    item: Callable[[Row], Any]
    sql_of: Mapping[str, str]
    kind_fields: tuple[str, ...]
    default: Callable[[int], Expr] | None = None


TASKS = Listing(
    fields=TASK_FIELDS,
    table="task t",
    joined="""
        task t
        LEFT JOIN error e ON e.error_id = (
             SELECT max(x.error_id) FROM error x WHERE x.task_id = t.task_id)
        LEFT JOIN dead_letter d ON d.task_id = t.task_id
        """,
    keys=("t.task_id",),
    last_key=("~",),
    order="id",
    columns=TASK_COLUMNS,
    item=task_of,
    sql_of={
        "id": "t.task_id",
        "function": "t.function",
        "state": "t.state",
        "category": "e.category",
        "cause": "d.cause",
        "rule": "e.rule",
        "reason": "t.reason",
        "message": "e.message",
        "priority": "t.priority",
        "attempts": "t.attempts",
        "retries": "t.retries",
        "replays": "t.replays",
        "at": "t.created_at_ms",
        "tags": "t.tags",
        "submitter": "t.submitter",
        "unique": "t.unique_key",
        "exit": "e.exit_code",
        "signal": "e.signal",
    },
    kind_fields=("function", "state"),
)

LETTERS = Listing(
    fields=LETTER_FIELDS,
    table="dead_letter d",
    joined="""
        dead_letter d
        LEFT JOIN task t ON t.task_id = d.task_id
        LEFT JOIN error e ON e.error_id = d.error_id
        """,
    keys=("d.died_at_ms", "d.task_id"),
    last_key=(2**62, "~"),
    order="at",
    columns=LETTER_COLUMNS,
    item=letter_of,
    sql_of={
        "id": "d.task_id",
        "function": "d.function",
        "state": "d.state",
        "category": "d.category",
        "cause": "d.cause",
        "rule": "e.rule",
        "reason": "d.reason",
        "message": "d.message",
        "priority": "t.priority",
        "attempts": "d.attempts",
        "retries": "t.retries",
        "replays": "d.replays",
        "at": "d.died_at_ms",
        "tags": "t.tags",
        "submitter": "t.submitter",
        "unique": "t.unique_key",
        "exit": "e.exit_code",
        "signal": "e.signal",
        "incident": "e.incident_id",
    },
    kind_fields=("function", "state", "category", "cause"),
    # People who list dead letters mean those that wait for them.
    default=lambda _now_ms: AnyOf("state", ("open",)),
)


ERRORS = Listing(
    fields=ERROR_FIELDS,
    table="error e",
    joined=ERRORS_JOINED,
    keys=("e.error_id",),
    last_key=("~",),
    order="id",
    columns=ERROR_LINE_COLUMNS,
    item=error_line_of,
    sql_of={
        "id": "e.error_id",
        "task": "e.task_id",
        "incident": "e.incident_id",
        "function": "e.function",
        "category": "coalesce(c.category, e.category)",
        "was": "e.category",
        "rule": "e.rule",
        "strategy": "e.strategy",
        "message": "e.message",
        "exit": "e.exit_code",
        "signal": "e.signal",
        "killed": "e.killed_by",
        "at": "e.at_ms",
    },
    kind_fields=(),
)

_SNOOZED_UNTIL = "snoozed_until"


def _asks_for_attention(now_ms: int) -> Expr:
    """Neither resolved nor snoozed; a snooze that is over hides nothing, though no daemon was there
    to end it."""
    is_open = AnyOf("state", tuple(map(str, OPEN_STATES)))
    return Or((is_open, Compare(_SNOOZED_UNTIL, "<=", now_ms)))


INCIDENTS = Listing(
    fields=INCIDENT_FIELDS,
    table="incident n",
    joined="incident n",
    keys=("n.last_at_ms", "n.incident_id"),
    last_key=(2**62, "~"),
    order="at",
    columns=INCIDENT_COLUMNS,
    item=incident_of,
    sql_of={
        "id": "n.incident_id",
        "state": "n.state",
        "function": "n.function",
        "category": "n.category",
        "rule": "n.rule",
        "message": "n.title",
        "reason": "n.reason",
        "count": "n.count",
        "regressions": "n.regressions",
        "acked": "n.acked_by",
        "at": "n.last_at_ms",
        _SNOOZED_UNTIL: "n.snoozed_until_ms",
    },
    kind_fields=(),
    default=_asks_for_attention,
)


UNDO = Listing(
    fields=UNDO_FIELDS,
    table="undo_step u",
    joined="undo_step u",
    keys=("u.undo_id",),
    last_key=("~",),
    order="id",
    columns=STEP_COLUMNS,
    item=step_of,
    sql_of={
        "id": "u.undo_id",
        "task": "u.task_id",
        "state": "u.state",
        "function": "u.function",
        "kind": "u.kind",
        "reason": "u.reason",
        "tries": "u.tries",
        "at": "u.recorded_at_ms",
    },
    kind_fields=(),
    # What has ended well asks for nobody's attention.
    default=lambda _now_ms: AnyOf("state", ("needs_operator", "undoing", "recorded")),
)


def record_names(asked: Iterable[str]) -> tuple[str, ...]:
    """The columns that filter_match needs in order to see these fields."""
    names = (
        "at" if name == "age" else "tags" if name.startswith("tag") else name for name in asked
    )
    return tuple(dict.fromkeys(names))


def record_of(names: tuple[str, ...], values: Row) -> dict[str, Any]:
    """Values of these columns as filter_match reads them."""
    record = dict(zip(names, values, strict=True))
    tags = record.get("tags")
    if tags is not None:
        record["tags"] = {} if tags == "{}" else msgspec.json.decode(tags)
    return record
