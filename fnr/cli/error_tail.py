"""`fnr errors tail`: errors as they come, across daemon restarts.

The daemon's events only say that there is something new; what it is, is read from the list behind
the last error shown, so that a filter means the same as everywhere and nothing is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from fnr.api.incident_requests import ListErrors
from fnr.api.requests import Watch
from fnr.cli.error_views import ERRORS, news
from fnr.cli.follow import patient_ask
from fnr.cli.group import pages
from fnr.cli.here import Here, here
from fnr.cli.inbox import Inbox
from fnr.cli.options import Where
from fnr.cli.render import moment, write, write_json
from fnr.cli.terminal import one_line
from fnr.policy.filter import ERROR_FIELDS, narrowed
from fnr.policy.record import PAGE_ITEMS_MAX, ErrorLine

# News are looked at within that.
NEWS_MS = 10 * 60_000

Lines = Annotated[
    int,
    typer.Option("--lines", "-n", metavar="N", min=0, help="Begin with the last so many errors."),
]


def tail(where: Where = "", lines: Lines = 10) -> None:
    """Show errors as they happen, until Ctrl-C."""
    for error in followed(here(), where, lines):
        if here().as_json:
            write_json(error)
        elif here().output == "name":
            write(f"{one_line(ERRORS.name(error))}\n")
        else:
            write(news(error) + "\n")
        sys.stdout.flush()


def followed(place: Here, where: str, lines: int) -> Iterator[ErrorLine]:
    """The last errors, and every further one; never ends by itself."""
    inbox = Inbox(place, Watch(kinds=["error"]))
    last: ErrorLine | None = None
    begun = False
    while True:
        inbox.wait()
        # Asked first, and without the filter: what it finds none of has been looked at, too.
        newest = patient_ask(place, ListErrors(limit=1)).items
        found = list(_since(place, where, last)) if begun else _latest(place, where, lines)
        known = [*newest, *found[:1], *([] if last is None else [last])]
        last = max(known, key=lambda error: error.error_id, default=None)
        yield from reversed(found)
        begun = True


def _latest(place: Here, where: str, lines: int) -> list[ErrorLine]:
    """The last so many, newest first; asked for none, too, so that a bad filter is told at once."""
    found: list[ErrorLine] = []
    for page in pages(
        lambda cursor, size: patient_ask(place, ListErrors(where=where, after=cursor, limit=size)),
        limit=max(lines, 1),
        after=None,
    ):
        found += page.items
        if not lines:
            break
    return found[:lines]


def _since(place: Here, where: str, last: ErrorLine | None) -> Iterator[ErrorLine]:
    """Errors behind the last one, newest first."""
    if last is not None:
        # A clock that was set back makes later errors older; which are new, their ids say.
        newer = f"at>={moment(min(last.at_ms, place.clock.now_ms() - NEWS_MS))}"
        where = narrowed(where, newer, fields=ERROR_FIELDS)
    after: str | None = None
    while True:
        page = patient_ask(place, ListErrors(where=where, after=after, limit=PAGE_ITEMS_MAX))
        for error in page.items:
            if last is not None and error.error_id <= last.error_id:
                return
            yield error
        after = page.next
        if after is None:
            return
