"""The errors, one by one or as incidents, with the reasoning behind each name beside them."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from fnr.api.errors import FnrError, NotFound
from fnr.api.incident_requests import GetError, GetIncident, ListErrors, ListIncidents
from fnr.api.plain_text import one_line
from fnr.api.question import Request
from fnr.client.incident_story import incident_page
from fnr.client.own_command import OwnCommand
from fnr.policy.filter import ERROR_FIELDS, INCIDENT_FIELDS
from fnr.policy.incident import Incident
from fnr.policy.record import ErrorDetail, ErrorLine, IncidentDetail, Page
from fnr.policy.rules import Category
from fnr.tui.aside import aside
from fnr.tui.cells import ago, short_id, signed
from fnr.tui.feed import Feed
from fnr.tui.screens.list_view import ListView
from fnr.tui.widgets.paged_table import TableColumn
from fnr.tui.widgets.wanted import Wanted, Where
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag, on_ids, several

ERROR_COLUMNS = (
    TableColumn(title="AGE", cell=lambda error: ago(error.at_ms), width=7, right=True),
    TableColumn(title="CATEGORY", cell=lambda error: signed(error.category.value), width=12),
    TableColumn(title="FUNCTION", cell=lambda error: error.function, width=16, spare=1),
    TableColumn(title="RULE", cell=lambda error: error.rule, width=22, spare=2),
    TableColumn(title="ERROR", cell=lambda error: short_id(error.error_id), width=13, spare=4),
    TableColumn(title="MESSAGE", cell=lambda error: error.message, flexible=True),
)
INCIDENT_COLUMNS = (
    TableColumn(title="LAST", cell=lambda one: ago(one.last_at_ms), width=7, right=True),
    TableColumn(title="STATE", cell=lambda one: signed(one.state.value), width=11),
    TableColumn(title="COUNT", cell=lambda one: f"{one.count:,}", width=7, right=True, spare=1),
    TableColumn(title="CATEGORY", cell=lambda one: signed(one.category.value), width=12, spare=2),
    TableColumn(title="FIRST", cell=lambda one: ago(one.first_at_ms), width=7, right=True, spare=3),
    TableColumn(title="INCIDENT", cell=lambda one: short_id(one.incident_id), width=13, spare=4),
    TableColumn(title="TITLE", cell=lambda one: one.title, flexible=True),
)
NAMED = tuple(one.value for one in Category if one is not Category.UNKNOWN)
RULE_TEXT_CHARS_MAX = 80
MARKED_MAX = 1_000
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


class ErrorsView(ListView):
    """Incidents first: a thousand errors of one cause are one thing to know."""

    name_of_screen = "errors"
    kinds = frozenset({"error", "incident"})
    fields = INCIDENT_FIELDS
    empty = "no open incidents; i lists single errors"
    columns = INCIDENT_COLUMNS
    hint = "category:unknown message~timeout age<1h; fnr help filters"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "incidents", "errors/incidents"),
        Binding("n", "errors_of_incident", "its errors", show=False),
        Binding("N", "change_new_rule", "new rule from this"),
        Binding("A", "change_ack", "ack"),
        Binding("Z", "change_snooze", "snooze"),
        Binding("R", "change_resolve", "resolve"),
        Binding("C", "change_reclassify", "reclassify"),
    ]

    def __init__(self, feed: Feed) -> None:
        self.incidents = True
        self._wheres = {True: "", False: ""}
        # Which error of which incident the page beside the list explains.
        self._on_page = ("", "")
        super().__init__(feed)
        self.table.window.moving = True

    def key_of(self, item: Any) -> str:
        """Incidents stand in the order of their latest error."""
        if isinstance(item, Incident):
            return f"{item.last_at_ms}-{item.incident_id}"
        return self.id_of(item)

    def id_of(self, item: Any) -> str:
        """An error or an incident by its id."""
        return str(item.incident_id if isinstance(item, Incident) else item.error_id)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """Errors or incidents, the latest first."""
        kind = ListIncidents if self.incidents else ListErrors
        return kind(where=where, after=wanted.after, limit=wanted.limit, backwards=wanted.backwards)

    async def words_of(self, item: ErrorLine | Incident) -> str:
        """The incident with the reasoning about its latest error, or that about the error."""
        if isinstance(item, Incident):
            found = await self.feed.ask(GetIncident(incident_id=item.incident_id))
            page = incident_page(found).rstrip("\n")
            last = await self._latest_of(found)
            if last is None:
                return page
            self._on_page = (item.incident_id, last.error.error_id)
            head, title, latest = page.partition("latest errors:")
            return f"{head}the latest of them:\n{await self._explained(last)}\n{title}{latest}"
        return await self._explained(await self.feed.ask(GetError(error_id=item.error_id)))

    async def _latest_of(self, found: IncidentDetail) -> ErrorDetail | None:
        """The latest error that is kept: the last one may have been forgotten with its task."""
        kept = (one.error_id for one in found.errors[:1])
        for error_id in dict.fromkeys((found.incident.last_error_id, *kept)):
            with suppress(NotFound):
                return await self.feed.ask(GetError(error_id=error_id))
        return None

    async def _error_of(self, item: ErrorLine | Incident | None) -> ErrorDetail | None:
        """The error of a row, of an incident the one that its page explains."""
        if item is None:
            return None
        if not isinstance(item, Incident):
            return await self.ask(GetError(error_id=item.error_id))
        seen = self.has_class("-wide") or self.has_class("-opened")
        if seen and self._on_page[0] == item.incident_id:
            return await self.ask(GetError(error_id=self._on_page[1]))
        found = await self.ask(GetIncident(incident_id=item.incident_id))
        try:
            last = None if found is None else await self._latest_of(found)
        except FnrError as error:
            self.say_error(error)
            return None
        if found is not None and last is None:
            self.post_message(self.Told("no error of this incident is kept any more", bad=True))
        return last

    async def _explained(self, detail: ErrorDetail) -> str:
        return await asyncio.to_thread(_explained, detail, self.feed)

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        if not self.subject:
            return ("errors", "groups" if self.incidents else "list")
        return ("errors", "show" if self.incidents else "explain", self.subject)

    # ── moving about ─────────────────────────────────────────────────────────

    def action_incidents(self) -> None:
        """From incidents to errors and back; each list keeps its filter."""
        self._wheres[self.incidents] = self.where
        self._switch(incidents=not self.incidents, where=self._wheres[not self.incidents])

    def action_errors_of_incident(self) -> None:
        """The errors of the chosen incident."""
        item = self.table.window.item
        if isinstance(item, Incident):
            self._switch(incidents=False, where=f"incident:{item.incident_id}")

    def show_filtered(self, where: str) -> None:
        """Incidents by their id, errors by anything else."""
        self._switch(incidents=where.startswith("id:"), where=where)

    def _switch(self, *, incidents: bool, where: str) -> None:
        self.close_page()
        self.incidents = incidents
        self.where = where
        self.bar.set_fields(INCIDENT_FIELDS if incidents else ERROR_FIELDS)
        self.table.set_columns(INCIDENT_COLUMNS if incidents else ERROR_COLUMNS)
        self.table.window.moving = incidents
        self.begin()

    # ── marks ────────────────────────────────────────────────────────────────

    async def action_mark_all(self) -> None:
        """Mark all that the filter finds, each by its id: no command about these takes a filter."""
        aside(self, self._mark_all, group="mark", exclusive=True)

    async def _mark_all(self) -> None:
        window = self.table.window
        marked, words = {}, "nothing"
        if not window.marked:
            life = window.life
            page = await self._first_of_all()
            if page is None or window.life != life:
                return
            marked = {self.id_of(item): item for item in page.items}
            words = f"all {len(marked):,}"
            if page.next is not None:
                words = f"the latest {len(marked):,}; there may be more, filter for them with /"
        window.marked = marked
        self.post_message(self.Told(f"marked: {words}"))
        self.table.show_changes()

    async def _first_of_all(self) -> Page[Any] | None:
        """As many as are marked at once at most."""
        wanted = Wanted(where=Where.BELOW, after=None, limit=MARKED_MAX, life=0)
        return await self.ask(self.page_of(self.where, wanted))

    # ── wishes ───────────────────────────────────────────────────────────────

    def _incident_ids(self) -> list[str]:
        window = self.table.window
        items = list(window.marked.values()) or ([window.item] if window.item else [])
        return list(dict.fromkeys(item.incident_id for item in items))

    def _wish_for_incidents(
        self, verb: str, text: str, asks: tuple[Ask, ...] = (), button: str = ""
    ) -> None:
        found = self._incident_ids()
        if not found:
            self.post_message(self.Told("no incident is chosen", bad=True))
            return

        def command(values: Values) -> OwnCommand:
            more = [word for ask in asks for word in flag(f"--{ask.name}", values[ask.name])]
            return on_ids(("errors", verb), found, more)

        wish = Wish(
            title=f"{verb} {several(found, 'incident')}",
            text=text,
            verb=button or verb.capitalize(),
            command=command,
            asks=asks,
        )
        self.post_message(Wished(wish))

    def action_change_ack(self) -> None:
        """Say that somebody has seen it."""
        reason = Ask(name="reason", label="reason", hint="kept on record")
        self._wish_for_incidents("ack", "Say that you have seen it; ends a snooze.", (reason,))

    def action_change_snooze(self) -> None:
        """Leave it alone for a while."""
        asks = (
            Ask(name="for", label="for how long", value="2h", hint="30m, 2h, 1d"),
            Ask(name="reason", label="reason", hint="kept on record"),
        )
        self._wish_for_incidents("snooze", "Its errors go on being counted.", asks)

    def action_change_resolve(self) -> None:
        """Say that it is over."""
        reason = Ask(name="reason", label="reason", hint="what was done")
        words = "Say that it is over; the next error opens it again, as regressed."
        self._wish_for_incidents("resolve", words, (reason,))

    def action_change_reclassify(self) -> None:
        """Say what an error is."""
        marked = {} if self.incidents else self.table.window.marked
        if marked:
            first = next(iter(marked.values()))
            self.post_message(Wished(_category_wish(list(marked), "", first.category)))
        else:
            self.wish_when_known(partial(self._reclassified, self.table.window.item))

    async def _reclassified(self, item: ErrorLine | Incident | None) -> Wish | None:
        detail = await self._error_of(item)
        if detail is None:
            return None
        error = detail.error
        named = error.correction or error.classification
        text = f"{error.error_id}: {one_line(error.evidence.message)[:RULE_TEXT_CHARS_MAX]}\n"
        return _category_wish([error.error_id], text, named.category)

    def action_change_new_rule(self) -> None:
        """Begin a rule with the words of this error."""
        self.wish_when_known(partial(self._new_rule, self.table.window.item))

    async def _new_rule(self, item: ErrorLine | Incident | None) -> Wish | None:
        detail = await self._error_of(item)
        return None if detail is None else rule_from(detail)


def _category_wish(found: list[str], text: str, category: Category) -> Wish:
    def command(values: Values) -> OwnCommand:
        more = ("--category", values["category"], *flag("--why", values["why"]))
        return on_ids(("errors", "reclassify"), found, more)

    return Wish(
        title=f"reclassify {several(found, 'error')}",
        text=f"{text}Say what it is; what it was named stays on record beside it.",
        verb="Reclassify",
        command=command,
        asks=(
            Ask(
                name="category", label="category", value=category.value, options=tuple(Category)
            ),
            Ask(name="why", label="why", hint="kept on record"),
        ),
    )  # fmt: skip


def rule_from(detail: ErrorDetail) -> Wish:
    """A rule that would name this error: its words, its type, and itself as the example."""
    evidence = detail.error.evidence
    # What no command line can hold ends what is taken from it.
    message = _UNWRITABLE.split(evidence.message)[0]
    kind = _UNWRITABLE.split(evidence.exceptions[0].type)[0] if evidence.exceptions else ""
    named = detail.error.classification.category

    def command(values: Values) -> OwnCommand:
        conditions = [
            *flag("--text", values["text"]), *flag("--exception", values["exception"]),
            *flag("--hint", values["hint"]), *flag("--test", values["test"]),
        ]  # fmt: skip
        name = values["name"].strip()
        return OwnCommand(
            words=("rules", "add", name, "--category", values["category"], *conditions)
        )

    def trial(values: Values) -> OwnCommand:
        own = command(values)
        return OwnCommand(words=(*own.words, "-n"))

    return Wish(
        title="new rule from this error",
        text="Checked with all other rules and their examples before it counts.",
        verb="Add rule",
        command=command,
        trial=trial,
        trial_verb="Check",
        asks=(
            Ask(
                name="name", label="name", value=_name_for(message or kind), hint="FILE/NAME",
                needed=True,
            ),
            Ask(
                name="category", label="category", options=NAMED,
                value=named.value if named.value in NAMED else "transient",
            ),
            Ask(name="text", label="words, as RE2", value=words_of_rule(message)),
            Ask(name="exception", label="exception type", value=kind, hint="* is anything"),
            Ask(name="hint", label="hint", hint="what to do then"),
            Ask(name="test", label="example that it must decide", value=message[:300]),
        ),
    )  # fmt: skip


def words_of_rule(message: str) -> str:
    """An expression for this message and those like it: numbers and ids may differ."""
    first = message.strip().partition("\n")[0][:RULE_TEXT_CHARS_MAX]
    # \d of RE2 is 0 to 9, as here; other digits stay what they are.
    parts = re.split(r"([0-9]+)", first)
    words = (r"\d+" if part.isascii() and part.isdigit() else re.escape(part) for part in parts)
    return "".join(words).replace(r"\ ", " ")


def _name_for(message: str) -> str:
    words = re.findall(r"[a-z]{3,}", message.lower())[:4]
    return "-".join(words) or "new-rule"


def _explained(detail: ErrorDetail, feed: Feed) -> str:
    from fnr.client.error_story import explanation, numbers  # noqa: PLC0415 - the first screen needs none
    from fnr.config.load import load  # noqa: PLC0415 - as above

    return explanation(detail, numbers(detail, load(feed.paths)), feed.paths.command)
