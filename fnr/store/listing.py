"""Lists of tasks and of letters: what they read, in which order, and under which kinds.

Two tables of data; paging.py reads them. A kind is what the tally counts: (function, state) of a
task, (function, state, category, cause) of a letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from fnr.policy.filter import LETTER_FIELDS, TASK_FIELDS, AnyOf, Expr
from fnr.policy.filter_fields import Field
from fnr.store.rows import (
    LETTER_COLUMNS,
    TASK_COLUMNS,
    letter_of,
    task_of,
)
from fnr.store.transaction import Row

Kind = tuple[str, ...]


class Listing(Struct, frozen=True, kw_only=True):
    """One list.

    keys: the order's columns, all descending. columns: what `item` reads. sql_of: field of a
    filter → column of `joined`. kind_fields: the names of a Kind's parts, in order.
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
    },
    kind_fields=("function", "state", "category", "cause"),
    # People who list dead letters mean those that wait for them.
    default=AnyOf("state", ("open",)),
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
