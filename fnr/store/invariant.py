"""What must hold across the rows of the store, said so that a query can find what breaks it."""

from __future__ import annotations

from msgspec import Struct


class Invariant(Struct, frozen=True):
    """What must hold, what is wrong with a row that the query finds, and the query for its id."""

    name: str
    what: str
    broken: str
