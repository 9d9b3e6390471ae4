"""Keyset paging: a page costs what its rows cost, however long the list is.

A filter picks kinds, each of which is a run of one index; their heads are merged. What the index
cannot decide is looked at row by row, in chunks, up to a bound per page: a page may then hold
less than asked for and still have a next one.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fnr.policy.filter import And, Expr, parse
from fnr.policy.filter_fields import Kind as FieldKind
from fnr.policy.filter_match import matches
from fnr.policy.filter_tree import fields
from fnr.policy.record import PAGE_ITEMS_MAX
from fnr.store.cursor import BadCursor, id_after, number_and_id_after
from fnr.store.filter import Plan, Sql, plan
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
    backwards: bool = False,
) -> Found:
    """One page of a list. Raises FilterError.

    looked_at_max: bound on rows that a filter looks at; None: look until the page is full.
    backwards:     the rows before `after`, or the last of the list, in the list's own order;
                   `next` leads on towards its beginning.
    """
    made = _plan(listing, where, now_ms=now_ms)
    limit = max(1, min(limit, PAGE_ITEMS_MAX))
    known = _known(tx, listing)
    chosen = _chosen(listing, made, known)
    runs = _runs(listing, made, known, chosen)
    search = _Search(tx, listing, made, now_ms=now_ms, backwards=backwards)
    bound = None if looked_at_max is None else max(looked_at_max // max(len(runs), 1), CHUNK_MIN)
    end = _first_key(listing) if backwards else listing.last_key
    position = end if after is None else _key_of(listing, after)
    found, next_key = _merge(
        [search.run(run, position, limit + 1, bound) for run in runs], limit, backwards=backwards
    )
    if backwards:
        found.reverse()
    return Found(
        rows=search.rows_of(found),
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


def stretches(
    tx: Transaction, listing: Listing, where: str, *, now_ms: int
) -> tuple[Plan, list[Sql]]:
    """What a filter asks of rows, and the stretches of an index that hold all that it wants."""
    made = _plan(listing, where, now_ms=now_ms)
    known = _known(tx, listing)
    return made, _runs(listing, made, known, _chosen(listing, made, known))


def _plan(listing: Listing, where: str, *, now_ms: int) -> Plan:
    return plan(
        read_filter(listing, where, now_ms=now_ms),
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


def read_filter(listing: Listing, where: str, *, now_ms: int) -> Expr:
    """The filter with the list's default, unless it speaks of the state itself."""
    expr = parse(where, fields=listing.fields)
    if listing.default is None or "state" in fields(expr):
        return expr
    parts = expr.parts if isinstance(expr, And) else (expr,)
    return And((*parts, listing.default(now_ms)))


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
    if len(listing.keys) == 1:
        return (id_after(cursor),)
    number, row_id = number_and_id_after(cursor)
    # Letters and incidents both go by a moment; of the ids only those of incidents hold a colon.
    if (":" in row_id) != (listing.fields["id"].kind is FieldKind.INCIDENT):
        raise BadCursor(cursor)
    return number, row_id


def _first_key(listing: Listing) -> Key:
    """Below every key of a list."""
    return tuple(0 if isinstance(part, int) else "" for part in listing.last_key)


def _merge(
    found: list[tuple[list[Key], Key | None]], limit: int, *, backwards: bool
) -> tuple[list[Key], Key | None]:
    """The newest keys of all runs, and the key to go on behind; None at the end.

    Backwards: the oldest ones, the oldest first.

    A run that stopped early knows nothing below its floor, so no key below the highest floor
    can be told yet.
    """
    stops = [stopped for _, stopped in found if stopped is not None]
    keys = sorted((key for run, _ in found for key in run), reverse=not backwards)
    floor = None
    if stops:
        floor = min(stops) if backwards else max(stops)
        keys = [key for key in keys if (key <= floor if backwards else key >= floor)]
    if len(keys) > limit:
        return keys[:limit], keys[limit - 1]
    return keys, floor


class _Search:
    """Reads runs of one list under one filter.

    Keys first, because an index holds them: of the rows that several runs offer, most are not on
    the page, and each would be a page of the file to read.
    """

    def __init__(
        self, tx: Transaction, listing: Listing, made: Plan, *, now_ms: int, backwards: bool
    ) -> None:
        self._tx = tx
        self._listing = listing
        self._made = made
        self._now_ms = now_ms
        self._keys = ", ".join(listing.keys)
        direction = "ASC" if backwards else "DESC"
        self._order = ", ".join(f"{key} {direction}" for key in listing.keys)
        self._behind, self._until = (">", "<=") if backwards else ("<", ">=")
        self._marks = ", ".join("?" * len(listing.keys))
        self._asked = sorted(frozenset().union(*map(fields, made.rest)))
        self._plain = not (made.sql or made.rest)

    def rows_of(self, keys: list[Key]) -> list[Row]:
        """The rows with these keys, in their order."""
        if not keys:
            return []
        # The last column of every list's key names the row.
        marks = ", ".join("?" * len(keys))
        name = self._listing.keys[-1]
        rows = self._tx.all(
            f"""
            SELECT {name}, {self._listing.columns} FROM {self._listing.joined}
             WHERE {name} IN ({marks})
            """,
            [key[-1] for key in keys],
        )
        found = {row[0]: row[1:] for row in rows}
        return [found[key[-1]] for key in keys]

    def run(
        self, run: Sql, position: Key, limit: int, looked_at_max: int | None
    ) -> tuple[list[Key], Key | None]:
        """Up to `limit` keys behind a position; the key it stopped at, None at the run's end."""
        bounds = [run, *self._made.bounds]
        if self._plain:
            keys = self._next_keys(bounds, position, limit)
            return keys, keys[-1] if len(keys) == limit else None
        found: list[Key] = []
        looked_at, chunk = 0, max(CHUNK_MIN, limit)
        while True:
            keys = self._next_keys(bounds, position, chunk)
            if keys:
                found += self._passing(bounds, position, keys[-1], limit - len(found))
            if len(found) >= limit:
                return found, found[-1]
            if len(keys) < chunk:
                return found, None
            position = keys[-1]
            looked_at += chunk
            if looked_at_max is not None and looked_at >= looked_at_max:
                return found, position
            chunk = min(chunk * 2, CHUNK_MAX)

    def _next_keys(self, bounds: list[Sql], position: Key, count: int) -> list[Key]:
        where = " AND ".join(part.text for part in bounds)
        return self._tx.all(
            f"""
            SELECT {self._keys} FROM {self._listing.table}
             WHERE {where} AND ({self._keys}) {self._behind} ({self._marks})
             ORDER BY {self._order} LIMIT ?
            """,
            (*_params(bounds), *position, count),
        )

    def _passing(self, bounds: list[Sql], position: Key, last: Key, limit: int) -> list[Key]:
        """Keys from behind a position up to one whose rows pass the filter, at most `limit`."""
        conditions = [*bounds, *self._made.sql]
        if not self._made.rest:
            return self._within(self._keys, conditions, position, last, limit)
        names = record_names(self._asked)
        columns = ", ".join([self._keys, *(self._listing.sql_of[name] for name in names)])
        width = len(self._listing.keys)
        found: list[Key] = []
        for row in self._within(columns, conditions, position, last, CHUNK_MAX):
            record = record_of(names, row[width:])
            if all(matches(part, record, self._now_ms) for part in self._made.rest):
                found.append(row[:width])
                if len(found) == limit:
                    break
        return found

    def _within(
        self, columns: str, conditions: list[Sql], position: Key, last: Key, limit: int
    ) -> list[Row]:
        where = " AND ".join(part.text for part in conditions)
        return self._tx.all(
            f"""
            SELECT {columns} FROM {self._listing.joined}
             WHERE {where}
               AND ({self._keys}) {self._behind} ({self._marks})
               AND ({self._keys}) {self._until} ({self._marks})
             ORDER BY {self._order} LIMIT ?
            """,
            (*_params(conditions), *position, *last, limit),
        )


def _params(conditions: list[Sql]) -> list[Any]:
    return [value for condition in conditions for value in condition.params]
