"""The breakers: which services are called, since when and why not, and what could be done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from fnr.api.breaker_requests import GetBreaker, ListBreakers
from fnr.api.errors import FnrError
from fnr.api.question import Request
from fnr.client.instants import age, clock_time
from fnr.client.own_command import OwnCommand
from fnr.policy.breaker_record import BreakerDetail, BreakerStatus
from fnr.policy.counted import counted
from fnr.policy.record import Page
from fnr.tui.cells import ago, left, signed
from fnr.tui.feed import Feed
from fnr.tui.screens.list_view import ListView
from fnr.tui.screens.view import short
from fnr.tui.widgets.paged_table import TableColumn
from fnr.tui.widgets.wanted import Wanted
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag, on_ids

REASON = Ask(name="reason", label="reason", hint="kept on record")
LONGEST = Ask(name="for", label="for how long", value="30m", hint="then it decides itself again")


def strip(breaker: BreakerStatus, width: int) -> str:
    """Its last calls, the latest on the right: a bar for a failure, a dot for a success."""
    return "".join("█" if call == "x" else "·" for call in breaker.recent[-width:]).rjust(width)


def _state(breaker: BreakerStatus) -> tuple[str, str]:
    return signed(breaker.state.value)


class BreakersView(ListView):
    """Every breaker, by name."""

    name_of_screen = "breakers"
    kinds = frozenset({"breaker"})
    empty = 'no breakers: [breakers.NAME] in fnr.toml, services = ["NAME"] in a function'
    hint = "words of a name or a state"
    whole = True
    columns = (
        TableColumn(title="BREAKER", cell=lambda one: one.name, flexible=True),
        TableColumn(title="STATE", cell=_state, width=15),
        TableColumn(
            title="LEFT", cell=lambda one: (left(one.until_at_ms), "yellow"), width=6, right=True
        ),
        TableColumn(
            title="SINCE", cell=lambda one: ago(one.since_at_ms), width=7, right=True, spare=2
        ),
        TableColumn(
            title="STREAK", cell=lambda one: str(one.streak or ""), width=6, right=True, spare=1
        ),
        TableColumn(title="LAST CALLS", sized=strip, width=20, spare=3),
        TableColumn(title="WHY", cell=lambda one: one.why, flexible=True, spare=4),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("O", "change_open", "open"),
        Binding("S", "change_close", "close"),
        Binding("D", "change_disable", "only watch"),
        Binding("R", "change_reset", "reset"),
        Binding("B", "change_probe", "probe"),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._on_page: BreakerDetail | None = None

    def id_of(self, item: Any) -> str:
        """A breaker by its name."""
        return str(item.name)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """All breakers come at once."""
        raise AssertionError(f"breakers are not paged: {where!r}, {wanted}")

    async def _fetch(self, wanted: Wanted) -> None:
        try:
            found = await self.feed.ask(ListBreakers())
        except FnrError as error:
            self.table.fail(wanted, short(error))
            return
        words = self.where.lower().split()
        items = [one for one in found if all(word in f"{one.name} {one.state}" for word in words)]
        self.table.give(wanted, Page(items=items, total=len(items)))

    async def words_of(self, item: BreakerStatus) -> str:
        """How it stands, and how it got there."""
        self._on_page = await self.feed.ask(GetBreaker(name=item.name))
        return "\n".join(page(self._on_page))

    def words_now(self) -> str | None:
        """How long it stands so, and how long it will."""
        return None if self._on_page is None else "\n".join(page(self._on_page))

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        return ("breaker", "why", self.subject) if self.subject else ("breaker", "list")

    # ── wishes ───────────────────────────────────────────────────────────────

    def _wish(self, verb: str, text: str, *, asks: tuple[Ask, ...]) -> None:
        names = self.chosen_ids()
        if not names:
            self.post_message(self.Told("no breaker is chosen", bad=True))
            return

        def command(values: Values) -> OwnCommand:
            more = [word for ask in asks for word in flag(f"--{ask.name}", values[ask.name])]
            return on_ids(("breaker", verb), names, more)

        wish = Wish(
            title=f"{verb} breaker {', '.join(names[:3])}",
            text=text,
            verb=verb.capitalize(),
            command=command,
            asks=asks,
        )
        self.post_message(Wished(wish))

    def action_change_open(self) -> None:
        """Call the service no more for a while."""
        self._wish("open", "Tasks that use it wait meanwhile.", asks=(LONGEST, REASON))

    def action_change_close(self) -> None:
        """Let all calls through for a while."""
        self._wish("close", "All calls go through, whatever they come to.", asks=(LONGEST, REASON))

    def action_change_disable(self) -> None:
        """Only watch for a while."""
        words = "It says what it would do, and lets all calls through."
        self._wish("disable", words, asks=(LONGEST, REASON))

    def action_change_reset(self) -> None:
        """Close it and forget what it has counted."""
        self._wish("reset", "Closed, and what it has counted is forgotten.", asks=(REASON,))

    def action_change_probe(self) -> None:
        """Ask the service for its health."""
        name = self.subject
        if not name:
            return
        self.post_message(
            Wished(
                Wish(
                    title=f"probe {name}",
                    text="Asks the service for its health; a success ends its rest.",
                    verb="Probe",
                    command=lambda _: OwnCommand(words=("breaker", "probe", name)),
                )
            )
        )


def page(detail: BreakerDetail) -> Iterator[str]:
    """A breaker with its window and its history."""
    one = detail.breaker
    countdown = left(one.until_at_ms)
    yield f"breaker:   {one.name}"
    rest = f", {countdown} left" if countdown else ""
    yield f"state:     {one.state}, for {age(one.since_at_ms)}{rest}"
    if one.own is not one.state:
        yield f"of itself: {one.own}"
    if one.forced_by:
        yield f"forced by: {one.forced_by}: {one.forced_reason}"
    if one.why:
        yield f"why:       {one.why}"
    failures, calls = one.recent.count("x"), counted(len(one.recent), "call")
    yield f"window:    {failures} of the last {calls} failed, {one.streak} in a row"
    if one.recent:
        yield f"           {strip(one, min(60, len(one.recent)))}"
    yield f"openings:  {one.openings} in a row; good trials {one.good_trials}"
    if one.probe_fails is not None:
        yield f"health:    {'its probe fails' if one.probe_fails else 'its probe succeeds'}"
    if one.samples:
        yield "\nlast failures"
        yield from (f"  | {sample}" for sample in one.samples)
    yield "\nhistory"
    for move in detail.moves:
        yield f"{clock_time(move.at_ms)}  {move.before} → {move.after}"
        yield f"           {move.why} ({move.by})"
