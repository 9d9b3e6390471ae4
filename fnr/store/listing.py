"""Lists of tasks and of letters: what they read, in which order, and under which kinds.

Two tables of data; paging.py reads them. A kind is what the tally counts: (function, state) of a
task, (function, state, category, cause) of a letter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from fnr.policy.filter import LETTER_FIELDS, TASK_FIELDS, AnyOf, Expr
from fnr.policy.filter_fields import Field
from fnr.store.rows import (
    LETTER_COLUMNS,
    LETTER_NAMES,
    TASK_COLUMNS,
    TASK_NAMES,
    TASK_WIDTH,
    letter_of,
    task_of,
)
from fnr.store.transaction import Row

Kind = tuple[str, ...]


class Listing(Struct, frozen=True, kw_only=True):
    """One list.

    keys: the order's columns, all descending. columns: of a row; extras: further ones that only
          a filter's Python part reads. kind_fields: the names of a Kind's parts, in order.
    """

    fields: Mapping[str, Field]
    table: str
    joined: str
    keys: tuple[str, ...]
    last_key: tuple[Any, ...]
    order: str
    columns: str
    width: int
    item: Callable[[Row], Any]
    sql_of: Mapping[str, str]
    extras: tuple[str, ...]
    kind_fields: tuple[str, ...]
    default: Expr | None = None


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
    width=TASK_WIDTH,
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
    extras=("category", "cause", "rule", "message", "exit", "signal"),
    kind_fields=("function", "state"),
)

LETTERS = Listing(
    fields=LETTER_FIELDS,
    table="dead_letter d",
    joined="""
        dead_letter d
        JOIN task t ON t.task_id = d.task_id
        LEFT JOIN error e ON e.error_id = d.error_id
        """,
    keys=("d.died_at_ms", "d.task_id"),
    last_key=(2**62, "~"),
    order="at",
    columns=LETTER_COLUMNS,
    width=len(LETTER_NAMES),
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
    },
    extras=("rule", "priority", "retries", "tags", "submitter", "unique", "exit", "signal"),
    kind_fields=("function", "state", "category", "cause"),
    # People who list dead letters mean those that wait for them.
    default=AnyOf("state", ("open",)),
)

_names: Mapping[int, tuple[str, ...]] = {
    TASKS.width: TASK_NAMES,
    LETTERS.width: LETTER_NAMES,
}
_RENAMED = {
    "task_id": "id",
    "created_at_ms": "at",
    "died_at_ms": "at",
    "unique_key": "unique",
}


def record_of(listing: Listing, row: Row) -> dict[str, Any]:
    """A row with its extras as filter_match reads it."""
    names = (*_names[listing.width], *listing.extras)
    record = {_RENAMED.get(name, name): value for name, value in zip(names, row, strict=True)}
    tags = record["tags"]
    record["tags"] = {} if tags == "{}" else msgspec.json.decode(tags)
    return record
