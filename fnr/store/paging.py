"""Keyset paging: a page costs what its rows cost, however long the list is.

A filter picks kinds, each of which is a run of one index; their heads are merged. What the index
cannot decide is looked at row by row, in chunks, up to a bound per page: a page may then hold
less than asked for and still have a next one.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fnr.policy.filter import And, Expr, FilterError, parse
from fnr.policy.filter_match import matches
from fnr.policy.record import PAGE_ITEMS_MAX
from fnr.store.filter import Plan, Sql, fields, plan
from fnr.store.listing import Kind, Listing, record_names, record_of
from fnr.store.tally import kinds
from fnr.store.transaction import Row, Transaction

Key = tuple[Any, ...]

ROWS_LOOKED_AT_MAX = 20_000
CHUNK_MIN = 200
CHUNK_MAX = 5_000


class Found(Struct, frozen=True, kw_only=True):
    """Rows of one page with the cursor of the next, and how many there are in all, if known."""

    rows: list[Row]
    next: str | None = None
    total: int | None = None


def page(
    tx: Transaction,
    listing: Listing,
    *,
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
    looked_at_max: int | None = ROWS_LOOKED_AT_MAX,
) -> Found:
    """One page of a list. Raises FilterError.

    looked_at_max: bound on rows that a filter looks at; None: look until the page is full.
    """
    made = _plan(listing, where, now_ms=now_ms)
    limit = max(1, min(limit, PAGE_ITEMS_MAX))
    known = _known(tx, listing)
    chosen = _chosen(listing, made, known)
    runs = _runs(listing, made, known, chosen)
    search = _Search(tx, listing, made, now_ms=now_ms)
    bound = None if looked_at_max is None else max(looked_at_max // max(len(runs), 1), CHUNK_MIN)
    position = listing.last_key if after is None else _key_of(listing, after)
    rows, next_key = _merge(
        [search.run(run, position, limit + 1, bound) for run in runs], limit, len(listing.keys)
    )
    return Found(
        rows=[row[len(listing.keys) :] for row in rows],
        next=None if next_key is None else "-".join(map(str, next_key)),
        total=sum(known[kind] for kind in chosen) if _is_counted(listing, made) else None,
    )


def kinds_of(
    tx: Transaction, listing: Listing, where: str, *, now_ms: int
) -> dict[Kind, int] | None:
    """How many rows of each kind pass, if the filter asks for kinds alone; None otherwise."""
    made = _plan(listing, where, now_ms=now_ms)
    if not _is_counted(listing, made):
        return None
    known = _known(tx, listing)
    return {kind: known[kind] for kind in _chosen(listing, made, known)}


def _plan(listing: Listing, where: str, *, now_ms: int) -> Plan:
    return plan(
        read_filter(listing, where),
        columns=listing.sql_of,
        kind_fields=frozenset(listing.kind_fields),
        order=listing.order,
        now_ms=now_ms,
    )


def _is_counted(listing: Listing, made: Plan) -> bool:
    return bool(listing.kind_fields) and not (made.bounds or made.sql or made.rest)


def _known(tx: Transaction, listing: Listing) -> dict[Kind, int]:
    width = len(listing.kind_fields)
    return {kind: count for kind, count in kinds(tx).items() if len(kind) == width}


def read_filter(listing: Listing, where: str) -> Expr:
    """The filter with the list's default, unless it speaks of the state itself."""
    expr = parse(where, fields=listing.fields)
    if listing.default is None or "state" in fields(expr):
        return expr
    parts = expr.parts if isinstance(expr, And) else (expr,)
    return And((*parts, listing.default))


def _chosen(listing: Listing, made: Plan, known: dict[Kind, int]) -> list[Kind]:
    """The kinds that pass the filter's conditions on kinds."""
    return [
        kind
        for kind in known
        if all(
            matches(part, dict(zip(listing.kind_fields, kind, strict=True)), 0)
            for part in made.kinds
        )
    ]


def _runs(listing: Listing, made: Plan, known: dict[Kind, int], chosen: list[Kind]) -> list[Sql]:
    """The fewest stretches of an index that hold the chosen kinds and nothing else."""
    asked = frozenset().union(*map(fields, made.kinds))
    if not listing.kind_fields or (len(chosen) == len(known) and listing.default is None):
        return [Sql("TRUE")]
    if asked == {"state"} and listing.default is not None:
        states = dict.fromkeys(kind[1] for kind in chosen)
        return [Sql(f"{listing.sql_of['state']} = ?", (state,)) for state in states]
    condition = " AND ".join(f"{listing.sql_of[name]} = ?" for name in listing.kind_fields)
    return [Sql(condition, kind) for kind in chosen]


def _key_of(listing: Listing, cursor: str) -> Key:
    """A cursor is the key of the last row of the page before."""
    parts: list[Any] = cursor.split("-")
    if len(parts) != len(listing.keys) or (len(parts) > 1 and not parts[0].isdecimal()):
        raise FilterError(f"'{cursor}' does not continue this list", column=1)
    return tuple([int(parts[0]), *parts[1:]] if len(parts) > 1 else parts)


def _merge(
    found: list[tuple[list[Row], Key | None]], limit: int, key_width: int
) -> tuple[list[Row], Key | None]:
    """The newest rows of all runs, and the key to go on behind; None at the end.

    A run that stopped early knows nothing below its floor, so no row below the highest floor
    can be told yet.
    """
    floor = max((stopped for _, stopped in found if stopped is not None), default=None)
    rows = sorted(
        (row for run, _ in found for row in run), key=lambda row: row[:key_width], reverse=True
    )
    if floor is not None:
        rows = [row for row in rows if row[:key_width] >= floor]
    if len(rows) > limit:
        return rows[:limit], rows[limit - 1][:key_width]
    return rows, floor


class _Search:
    """Reads runs of one list under one filter."""

    def __init__(self, tx: Transaction, listing: Listing, made: Plan, *, now_ms: int) -> None:
        self._tx = tx
        self._listing = listing
        self._made = made
        self._now_ms = now_ms
        self._keys = ", ".join(listing.keys)
        self._order = ", ".join(f"{key} DESC" for key in listing.keys)
        self._marks = ", ".join("?" * len(listing.keys))
        self._columns = f"{self._keys}, {listing.columns}"
        self._asked = sorted(frozenset().union(*map(fields, made.rest)))
        self._plain = not (made.sql or made.rest)

    def run(
        self, run: Sql, position: Key, limit: int, looked_at_max: int | None
    ) -> tuple[list[Row], Key | None]:
        """Up to `limit` rows below a position; the key it stopped at, None at the run's end."""
        width = len(self._listing.keys)
        bounds = [run, *self._made.bounds]
        if self._plain:
            rows = self._rows(self._columns, bounds, position, None, limit)
            return rows, rows[-1][:width] if len(rows) == limit else None
        found: list[Row] = []
        looked_at, chunk = 0, max(CHUNK_MIN, limit)
        while True:
            keys = self._next_keys(bounds, position, chunk)
            if keys:
                found += self._passing(bounds, position, keys[-1], limit - len(found))
            if len(found) >= limit:
                return found, found[-1][:width]
            if len(keys) < chunk:
                return found, None
            position = keys[-1]
            looked_at += chunk
            if looked_at_max is not None and looked_at >= looked_at_max:
                return found, position
            chunk = min(chunk * 2, CHUNK_MAX)

    def _next_keys(self, bounds: list[Sql], position: Key, count: int) -> list[Row]:
        where = " AND ".join(part.text for part in bounds)
        return self._tx.all(
            f"""
            SELECT {self._keys} FROM {self._listing.table}
             WHERE {where} AND ({self._keys}) < ({self._marks})
             ORDER BY {self._order} LIMIT ?
            """,
            (*_params(bounds), *position, count),
        )

    def _passing(self, bounds: list[Sql], position: Key, last: Key, limit: int) -> list[Row]:
        """Rows from below a position down to a key that pass the filter, at most `limit`."""
        conditions = [*bounds, *self._made.sql]
        if not self._made.rest:
            return self._rows(self._columns, conditions, position, last, limit)
        # Only what Python must see is read of every row, and the rest of those that pass.
        names = record_names(self._asked)
        columns = ", ".join([self._keys, *(self._listing.sql_of[name] for name in names)])
        found: list[Row] = []
        for row in self._rows(columns, conditions, position, last, CHUNK_MAX):
            key = row[: len(self._listing.keys)]
            record = record_of(names, row[len(key) :])
            if all(matches(part, record, self._now_ms) for part in self._made.rest):
                found += self._row_of(key)
                if len(found) == limit:
                    break
        return found

    def _row_of(self, key: Key) -> list[Row]:
        return self._tx.all(
            f"""
            SELECT {self._columns} FROM {self._listing.joined}
             WHERE ({self._keys}) = ({self._marks})
            """,
            key,
        )

    def _rows(
        self,
        columns: str,
        conditions: list[Sql],
        position: Key,
        last: Key | None,
        limit: int,
    ) -> list[Row]:
        where = " AND ".join(part.text for part in conditions)
        down_to = f"AND ({self._keys}) >= ({self._marks})" if last is not None else ""
        return self._tx.all(
            f"""
            SELECT {columns} FROM {self._listing.joined}
             WHERE {where} AND ({self._keys}) < ({self._marks}) {down_to}
             ORDER BY {self._order} LIMIT ?
            """,
            (*_params(conditions), *position, *(last or ()), limit),
        )


def _params(conditions: list[Sql]) -> list[Any]:
    return [value for condition in conditions for value in condition.params]
