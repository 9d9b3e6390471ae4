"""What the screens of long lists have in common: the list, the page beside it, filter and marks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from fnr.api.errors import FnrError
from fnr.api.question import Request
from fnr.policy.filter_fields import Field
from fnr.policy.record import Page
from fnr.tui.aside import aside
from fnr.tui.feed import Feed
from fnr.tui.screens.view import View, short
from fnr.tui.widgets.bare import BareHorizontal
from fnr.tui.widgets.filter_bar import FilterBar
from fnr.tui.widgets.paged_table import PagedTable, TableColumn
from fnr.tui.widgets.story import Story
from fnr.tui.widgets.wanted import Wanted

# Below this the page has no place beside the list: enter shows it instead.
BESIDE_COLUMNS_MIN = 110
REST_S = 0.08


class ListView(View):
    """A list on the left, what there is to say about the chosen row on the right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("asterisk", "mark_all", "mark all", key_display="*", show=False),
    ]
    DEFAULT_CSS = """
    ListView > Horizontal { height: 1fr; }
    ListView PagedTable { width: 1fr; }
    ListView Story { display: none; width: 1fr; }
    ListView.-wide PagedTable { width: 11fr; }
    ListView.-wide Story { display: block; width: 9fr; }
    ListView.-opened PagedTable { display: none; }
    ListView.-opened Story { display: block; }
    ListView.-wide.-opened PagedTable { display: none; }
    """

    columns: ClassVar[tuple[TableColumn, ...]] = ()
    fields: ClassVar[Mapping[str, Field] | None] = None
    empty: ClassVar[str] = ""
    whole: ClassVar[bool] = False

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self.where = ""
        self.table = PagedTable(
            self.columns,
            key_of=self.key_of,
            id_of=self.id_of,
            empty=self.empty,
            whole=self.whole,
        )
        self.story = Story()
        self.bar = FilterBar(self.fields, hint=self.hint)
        self._told_of: tuple[str, Any] = ("", None)
        # Does the page say what was asked for, and not why it could not be?
        self._told = False
        # Of which row it is being asked for, and whether once more behind that.
        self._telling_of: str | None = None
        self._once_more = False

    hint = "state:dead function:render-* message~'out of memory' age<1h; fnr help filters"

    def compose(self) -> ComposeResult:
        """The filter above the list, the page beside it."""
        yield self.bar
        with BareHorizontal():
            yield self.table
            yield self.story

    def on_mount(self) -> None:
        """Laid out for its width at once: it is as wide as the terminal."""
        self.set_class(self.app.size.width >= BESIDE_COLUMNS_MIN, "-wide")

    # ── what a screen says about itself ──────────────────────────────────────

    def key_of(self, item: Any) -> str:
        """The place of a row in its list."""
        return self.id_of(item)

    def id_of(self, item: Any) -> str:
        """What a row is."""
        return str(item.task_id)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """The question for a page."""
        raise TypeError(f"{type(self).__name__} lists nothing: {where!r}, {wanted}")

    async def words_of(self, item: Any) -> str:
        """What there is to say about a row. Raises FnrError."""
        return str(item)

    def words_now(self) -> str | None:
        """What it said last, with its countdowns as they are now; None if nothing of it moves."""
        return None

    # ── the list ─────────────────────────────────────────────────────────────

    def look(self) -> None:
        """What is on the screen, as it is now."""
        window = self.table.window
        if not window.loaded and (window.life == 0 or self.table.note):
            self.begin()
            return
        self.table.again()
        if window.loaded:
            self._tell(again=True)

    def begin(self) -> None:
        """The list from its beginning."""
        self.table.begin(where=self.where)

    def tick(self) -> None:
        """Ages have changed."""
        self._fit()
        self.table.show_changes()
        shown = self.has_class("-wide") or self.has_class("-opened")
        told = shown and self._told and self._told_of[0] == self.subject
        if told and (words := self.words_now()) is not None:
            self.story.show(words, again=True)

    def focus_first(self) -> None:
        """The list, or the page that covers it."""
        (self.story if self.has_class("-opened") else self.table).focus()

    @on(PagedTable.PageWanted)
    def _wanted(self, message: PagedTable.PageWanted) -> None:
        message.stop()
        aside(self, partial(self._fetch, message.wanted), group=f"page-{message.wanted.where}")

    async def _fetch(self, wanted: Wanted) -> None:
        try:
            page = await self.feed.ask(self.page_of(self.where, wanted))
        except FnrError as error:
            self.table.fail(wanted, short(error))
        else:
            self.table.give(wanted, page)

    # ── the page beside it ───────────────────────────────────────────────────

    @on(PagedTable.Chosen)
    def _chosen(self, message: PagedTable.Chosen) -> None:
        message.stop()
        if message.opened:
            self.open_page()
        else:
            self._tell()

    def open_page(self) -> None:
        """Show the page instead of the list."""
        # Who reads one thing is not shown another.
        self.table.window.hold()
        self.add_class("-opened")
        self.story.set_edge(False)
        self._tell()
        self.story.focus()

    def close_page(self) -> bool:
        """Show the list again; False: it is shown."""
        if not self.has_class("-opened"):
            return False
        self.remove_class("-opened")
        self.story.set_edge(True)
        self.table.focus()
        return True

    def on_resize(self) -> None:
        """Is there room for a page beside the list?"""
        self._fit()
        self._tell()

    def _fit(self) -> None:
        """Also asked now and then: a view that was just made is not always told its size."""
        wide = self.size.width >= BESIDE_COLUMNS_MIN
        if wide != self.has_class("-wide"):
            self.set_class(wide, "-wide")
            self._tell()

    def _tell(self, *, again: bool = False) -> None:
        if not (self.has_class("-wide") or self.has_class("-opened")):
            return
        self._once_more = again and self._telling_of == self.subject
        if not self._once_more:
            # One at a time: whoever runs through a list wants to see the last row only.
            self._telling_of = self.subject
            aside(self, partial(self._tell_of, again=again), group="words", exclusive=True)

    async def _tell_of(self, *, again: bool) -> None:
        await self._show_words(again=again)
        while self._once_more:
            self._once_more = False
            await self._show_words(again=True)
        self._telling_of = None

    async def _show_words(self, *, again: bool) -> None:
        item = self.table.window.item
        if item is None:
            self.story.show("")
            return
        name = self.id_of(item)
        if self._told_of == (name, item) and not again:
            return
        if not again and not self.has_class("-opened"):
            # Whoever runs through a list is shown where they stop.
            await asyncio.sleep(REST_S)
        try:
            words, self._told = await self.words_of(item), True
        except FnrError as error:
            words, self._told = short(error), False
        self.story.show(words, again=self._told_of[0] == name)
        self._told_of = (name, item)

    # ── filter and marks ─────────────────────────────────────────────────────

    def action_filter(self) -> None:
        """Type a filter."""
        self.close_page()
        self.bar.open(self.where)

    @on(FilterBar.Wanted)
    def _filtered(self, message: FilterBar.Wanted) -> None:
        message.stop()
        self.table.focus()
        if message.where is not None and message.where != self.where:
            self.where = message.where
            self.begin()

    @on(FilterBar.Wrong)
    def _wrong(self, message: FilterBar.Wrong) -> None:
        message.stop()
        self.post_message(self.Told(message.why, bad=True, over=message.over))

    def show_filtered(self, where: str) -> None:
        """Only what this filter finds."""
        self.close_page()
        self.where = where
        self.begin()

    def clear_filter(self) -> bool:
        """Everything again; False: it was not filtered."""
        if not self.where:
            return False
        self.where = ""
        self.begin()
        return True

    async def action_mark_all(self) -> None:
        """Mean all that the filter finds, also what is not loaded; again: nothing."""
        marks = self.table.window.toggle_all()
        words = "all that the filter finds" if self.where else "everything in this list"
        self.post_message(self.Told(f"marked: {words if marks else 'nothing'}"))
        self.table.show_changes()

    def chosen_ids(self, allowed: Callable[[Any], bool] = lambda _: True) -> list[str]:
        """What is marked, else what the cursor is on."""
        window = self.table.window
        if window.marked:
            return [name for name, item in window.marked.items() if allowed(item)]
        item = window.item
        return [self.id_of(item)] if item is not None and allowed(item) else []

    @property
    def subject(self) -> str:
        """The id of the chosen row."""
        item = self.table.window.item
        return "" if item is None else self.id_of(item)
