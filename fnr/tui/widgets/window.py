"""The rows of a long list that are in memory: some around the cursor, whatever its length.

A list is read by keysets, forwards and backwards, so a million rows cost what a thousand do. The
window holds the cursor and what is marked by id and not by place: rows come and go around them.
Nothing here draws or asks; `wanted` says what should be asked, `take` takes the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fnr.policy.record import Page
from fnr.tui.widgets.wanted import Wanted, Where, place_of

ROWS_MAX = 3_000
PAGE_ROWS = 200
# Rows that are there before somebody scrolls to them.
MARGIN = 60


class Window:
    """Rows [0:len] of which `top` is the first on the screen and `cursor` the chosen one.

    key_of: the place of a row in the list, as a cursor of the api. id_of: what the row is.
    above, below: where to read on at either end; None when there is nothing.
    first_index: how many rows stand before the window, None when nobody counted.
    whole: the list is short and always given whole.
    moving: rows move up in the list when something happens to them.
    everything: all that the list holds is marked, also what is not in the window.
    """

    def __init__(
        self, *, key_of: Callable[[Any], str], id_of: Callable[[Any], str], whole: bool = False
    ) -> None:
        self._key_of = key_of
        self._whole = whole
        self.id_of = id_of
        self.life = 0
        self.marked: dict[str, Any] = {}
        self.everything = False
        self.moving = False
        self.height = 1
        self._forget()

    def _forget(self) -> None:
        self.rows: list[Any] = []
        self.top = 0
        self.cursor = 0
        self.above: str | None = None
        self.below: str | None = None
        self.at_head = True
        self.total: int | None = None
        self.first_index: int | None = 0
        self.loaded = False
        self._asked: set[Where] = set()
        self._followed = True
        # Behind this the rows are as a search once found them, and still to be looked at again.
        self._stale: str | None = None
        # From this on upwards the rows are as they were when they were looked at last.
        self._unseen: str | None = None
        self._once_more = False

    def begin(self) -> Wanted:
        """Another list: everything is read anew."""
        self.life += 1
        self.marked = {}
        self.everything = False
        self._forget()
        return self._want(Where.HEAD, None, self._page_rows())

    @property
    def item(self) -> Any | None:
        """What the cursor is on."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def complete(self) -> bool:
        """Has the list been looked through to both ends?"""
        return self.loaded and self.above is None and self.below is None

    @property
    def newer(self) -> int | None:
        """Rows above the screen; None: there are some, and nobody counted them."""
        if self.above is not None and not self.at_head:
            return None if self.first_index is None else self.first_index + self.top
        return self.top

    @property
    def position(self) -> int | None:
        """The cursor's row, counted from 1 at the list's beginning."""
        if self.first_index is None or not self.rows:
            return None
        return self.first_index + self.cursor + 1

    @property
    def count(self) -> int | None:
        """How many rows the list has: counted by who gave them, or by whoever reached its end."""
        if self.total is None and self.below is None and self.first_index is not None:
            return self.first_index + len(self.rows)
        return self.total

    # ── moving ───────────────────────────────────────────────────────────────

    def move(self, rows: int) -> None:
        """Move the cursor by so many rows; on the list's first one it stays with what is new."""
        self._go(self.cursor + rows)
        self._followed = self.at_head and self.cursor == 0

    def hold(self) -> None:
        """Stay on the row, also when it is the list's first one and another comes."""
        self._followed = False

    def choose(self, row: int) -> None:
        """Put the cursor on a row of the screen."""
        self.move(self.top + row - self.cursor)

    def scroll(self, rows: int) -> None:
        """Move the screen; the cursor stays on it."""
        self._followed = False
        self.top = max(0, min(self.top + rows, len(self.rows) - self.height))
        self.cursor = max(self.top, min(self.cursor, self.top + self.height - 1))
        self._bound()

    def to_head(self) -> Wanted | None:
        """The list's first row, and stay there; asked for if it is not here."""
        self._followed = True
        if self.at_head:
            self._go(0)
            self.top = 0
            return None
        return self._want(Where.HEAD, None, self._page_rows())

    def to_tail(self) -> Wanted | None:
        """The list's last row; asked for if it is not here."""
        self._followed = False
        if self.below is None:
            self._go(len(self.rows) - 1)
            return None
        return self._want(Where.TAIL, None, self._page_rows())

    def toggle_all(self) -> bool:
        """Mark all that the list holds, or nothing; is something marked now?"""
        marks = not (self.everything or self.marked)
        self.marked = (
            {self.id_of(item): item for item in self.rows} if marks and self._whole else {}
        )
        self.everything = marks and not self._whole
        return marks

    def resize(self, height: int) -> None:
        """So many rows fit on the screen."""
        self.height = max(1, height)
        self._go(self.cursor)

    def toggle_mark(self) -> None:
        """Mark what the cursor is on, or take the mark back, and go on to the next.

        Who begins to choose no longer means everything.
        """
        item = self.item
        if item is None:
            return
        self.everything = False
        name = self.id_of(item)
        if name in self.marked:
            del self.marked[name]
        else:
            self.marked[name] = item
        self.move(1)

    # ── asking and taking ────────────────────────────────────────────────────

    def wanted(self) -> Wanted | None:
        """What to ask for, so that scrolling on finds rows; None: nothing, or it is on its way."""
        if not self.loaded:
            return None
        if (anew := self._anew()) is not None:
            return anew
        short = self.top + self.height + MARGIN > len(self.rows)
        if short and self.below is not None and Where.BELOW not in self._asked:
            return self._want(Where.BELOW, self.below, PAGE_ROWS)
        if self.top < MARGIN and self.above is not None and Where.ABOVE not in self._asked:
            return self._want(Where.ABOVE, self.above, PAGE_ROWS)
        if self._stale is not None and Where.REST not in self._asked:
            return self._want(Where.REST, self._stale, PAGE_ROWS)
        return None

    def again(self) -> Wanted | None:
        """Ask once more for what is on the screen; None while an answer is on its way.

        That one may be older than what has happened, so it is asked for again behind it.
        """
        self._once_more = not self.loaded or self._is_on_its_way
        return None if self._once_more else self._again_from(self.top)

    @property
    def _is_on_its_way(self) -> bool:
        return not self._asked.isdisjoint({Where.AGAIN, Where.HEAD})

    def _again_from(self, first: int) -> Wanted | None:
        limit = self.top - first + self.height + MARGIN
        if first == 0 or self._whole:
            # Before the first row of a window in the middle of the list nothing can be asked.
            head = max(limit, self._page_rows())
            return self._want(Where.HEAD, None, head) if self.at_head else None
        return self._want(Where.AGAIN, self._key_of(self.rows[first - 1]), limit)

    def _anew(self) -> Wanted | None:
        """What is on the screen and was not asked for again when something happened."""
        if self._is_on_its_way:
            return None
        if self._once_more:
            return self.again()
        if self._unseen is None or self.top >= len(self.rows):
            return None
        seen = place_of(self._key_of(self.rows[self.top])) < place_of(self._unseen)
        return None if seen else self._again_from(max(0, self.top - MARGIN))

    def failed(self, wanted: Wanted) -> None:
        """There will be no answer."""
        if wanted.life == self.life:
            self._asked.discard(wanted.where)

    def take(self, wanted: Wanted, page: Page[Any]) -> None:
        """Take a page; one of another list, or for rows that are gone, is dropped."""
        if wanted.life != self.life:
            return
        self._asked.discard(wanted.where)
        kept = self.item
        offset = self.cursor - self.top
        match wanted.where:
            case Where.HEAD:
                if self.at_head and self.loaded:
                    page = self._and_what_was_found(wanted, page)
                self._take_head(page, kept)
            case Where.TAIL:
                self._take_tail(page)
                kept, offset = None, self.height - 1
            case Where.BELOW if wanted.after == self.below:
                self.rows = self.rows + page.items
                self.below = page.next
            case Where.ABOVE if wanted.after == self.above:
                self._take_above(page)
            case Where.AGAIN:
                self._take_again(wanted, page)
            case Where.REST if wanted.after == self._stale:
                self._take_rest(wanted, page)
        if wanted.where is Where.HEAD or (wanted.where is Where.AGAIN and not self.moving):
            self._unmark_what_is_gone(wanted, page)
        if page.total is not None:
            self.total = page.total
        self.loaded = True
        self._stay_on(kept, offset)
        self._trim()

    def _unmark_what_is_gone(self, wanted: Wanted, page: Page[Any]) -> None:
        """Nobody sees a mark on a row that left the list, and the next command would mean it."""
        here = {self.id_of(item) for item in (*self.rows, *page.items)}
        for name, item in list(self.marked.items()):
            place = place_of(self._key_of(item))
            behind = wanted.after is None or place < place_of(wanted.after)
            if behind and name not in here and (page.next is None or place >= place_of(page.next)):
                del self.marked[name]

    def _take_head(self, page: Page[Any], kept: Any | None) -> None:
        # A row that is gone is not waited for.
        if self._followed or kept is None or not self._is_behind(kept, page):
            self.rows = list(page.items)
            self.above, self.below, self.at_head, self.first_index = None, page.next, True, 0
            self._unseen = None
            return
        # So much is new that the page does not reach down to the cursor: stay where it is.
        self.above, self.at_head = self._key_of(self.rows[0]), False
        self.first_index = None

    def _is_behind(self, item: Any, page: Page[Any]) -> bool:
        """Does a page not reach down to a row?"""
        if page.next is None or self.id_of(item) in map(self.id_of, page.items):
            return False
        return place_of(self._key_of(item)) < place_of(page.next)

    def _take_tail(self, page: Page[Any]) -> None:
        self.rows = list(page.items)
        self._unseen = None
        self.above, self.below = page.next, None
        self.at_head = page.next is None
        known = page.total if page.total is not None else None
        self.first_index = 0 if self.at_head else known and known - len(self.rows)
        self.cursor = len(self.rows) - 1

    def _take_above(self, page: Page[Any]) -> None:
        self.rows = page.items + self.rows
        self.top += len(page.items)
        self.cursor += len(page.items)
        self.above = page.next
        if page.next is None:
            self.at_head, self.first_index = True, 0
        elif self.first_index is not None:
            self.first_index = max(0, self.first_index - len(page.items))

    def _take_again(self, wanted: Wanted, page: Page[Any]) -> None:
        for index in range(min(self.top, len(self.rows)) - 1, -1, -1):
            if self._key_of(self.rows[index]) == wanted.after:
                page = self._and_what_was_found(wanted, page)
                self.rows = self.rows[: index + 1] + page.items
                self.below = page.next
                self._unseen = wanted.after
                return

    def _take_rest(self, wanted: Wanted, page: Page[Any]) -> None:
        end, self._stale = place_of(wanted.after or ""), None
        before = [item for item in self.rows if place_of(self._key_of(item)) >= end]
        starts_here = before or self.at_head
        if starts_here and (self.below is None or place_of(self.below) <= end):
            page = self._and_what_was_found(wanted, page)
            self.rows = before + page.items
            self.below = page.next

    def _and_what_was_found(self, wanted: Wanted, page: Page[Any]) -> Page[Any]:
        """The page and the rows behind it, where a search ended early: of the rest of the list it
        says nothing, and to find those rows again would take as long as it took.
        """
        if page.next is None or len(page.items) >= wanted.limit:
            return page
        end = place_of(page.next)
        if self.below is not None and place_of(self.below) >= end:
            return page
        here = {self.id_of(item) for item in page.items}
        behind = [
            item
            for item in self.rows
            if place_of(self._key_of(item)) < end and self.id_of(item) not in here
        ]
        self._stale = self._stale or page.next
        return Page(items=page.items + behind, next=self.below, total=page.total)

    def _stay_on(self, kept: Any | None, offset: int) -> None:
        """The cursor stays on its row, and the row where it was on the screen."""
        if self._followed and self.at_head:
            self.top = self.cursor = 0
        elif kept is not None:
            name = self.id_of(kept)
            near = range(len(self.rows))
            found = next((i for i in near if self.id_of(self.rows[i]) == name), None)
            if found is None and not self._whole:
                # The one that stands where it was.
                place = place_of(self._key_of(kept))
                found = next(
                    (i for i in near if place_of(self._key_of(self.rows[i])) < place), None
                )
            if found is not None:
                self.cursor = found
                self.top = max(0, found - offset)
        self._go(self.cursor)

    def _trim(self) -> None:
        """Forget rows far from the screen."""
        spare = len(self.rows) - ROWS_MAX
        if spare <= 0:
            return
        cut = min(spare, max(0, self.top - ROWS_MAX // 2))
        if cut:
            self.rows = self.rows[cut:]
            self.top -= cut
            self.cursor -= cut
            self.above, self.at_head = self._key_of(self.rows[0]), False
            if self.first_index is not None:
                self.first_index += cut
        if len(self.rows) > ROWS_MAX:
            self.rows = self.rows[:ROWS_MAX]
            self.below = self._key_of(self.rows[-1])

    def _go(self, row: int) -> None:
        self.cursor = max(0, min(row, len(self.rows) - 1))
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self.height:
            self.top = self.cursor - self.height + 1
        self._bound()

    def _bound(self) -> None:
        self.top = max(0, min(self.top, max(0, len(self.rows) - self.height)))

    def _page_rows(self) -> int:
        return max(PAGE_ROWS // 2, self.height + MARGIN)

    def _want(self, where: Where, after: str | None, limit: int) -> Wanted:
        self._asked.add(where)
        return Wanted(where=where, after=after, limit=limit, life=self.life)
