"""What a request is: a frozen value, typed by its answer.

`Request[A]` says that the answer is an `A`; clients, daemon and offline reader all speak these
values, so there is no table to keep in step. Reads can be answered from the store's file while
the daemon is down; everything else needs the daemon.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar, get_args

from msgspec import Struct, field

Answer = TypeVar("Answer")


# Kept with each of what may be a million tasks or letters.
REASON_CHARS_MAX = 1_000


class Request(
    Struct,
    Generic[Answer],
    frozen=True,
    kw_only=True,
    tag_field="op",
    tag=str,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Something one can ask; the answer is an `Answer`."""


class Read(Request[Answer], frozen=True, kw_only=True, tag=str):
    """A question that the store's file alone can answer."""


@cache
def answer_type(kind: type[Request[Any]]) -> Any:
    """The type of a request's answer, as written in its class line."""
    return get_args(kind.__orig_bases__[0])[0]  # type: ignore[attr-defined]  # typing sets it


class Changed(Struct, frozen=True, kw_only=True):
    """Ids that were changed, and ids that were not with the reason.

    next: of a chunk of what a filter finds: where the next one begins; None after the last.
    """

    changed: list[str] = field(default_factory=list)
    unchanged: dict[str, str] = field(default_factory=dict)
    next: str | None = None
