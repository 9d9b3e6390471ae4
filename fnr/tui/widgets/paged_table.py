"""A table over a list of any length: draws the rows on the screen, and asks for those it lacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from fnr.api.plain_text import one_line
from fnr.policy.record import Page
from fnr.tui.widgets.window import Wanted, Window

GAP = 2
GUTTER = 2
FLEXIBLE_MIN = 14
# Longer than any screen is wide.
CELL_CHARS_MAX = 500

# Never None: the filter for NO_COLOR asks every style for its colour.
PLAIN = Style.null()

Cell = str | tuple[str, str]


class TableColumn(Struct, frozen=True, kw_only=True):
    """One column. sized: instead of `cell`, for what is made for its width.

    flexible: takes what is left. spare: where there is no room the highest go first, 0 never.
    """

    title: str
    cell: Callable[[Any], Cell] = str
    sized: Callable[[Any, int], Cell] | None = None
    width: int = 0
    flexible: bool = False
    right: bool = False
    spare: int = 0


@lru_cache(maxsize=256)
def _style(words: str) -> Style:
    return Style.parse(words)


def widths_of(columns: tuple[TableColumn, ...], width: int) -> list[tuple[TableColumn, int]]:
    """The columns that fit, each with its cells; at least one, however narrow it is."""
    shown = list(columns)

    def need() -> int:
        sizes = (FLEXIBLE_MIN if column.flexible else column.width for column in shown)
        return GUTTER + sum(sizes) + GAP * (len(shown) - 1)

    while len(shown) > 1 and need() > width:
        spares = [column for column in shown if column.spare]
        shown.remove(max(spares, key=lambda column: column.spare) if spares else shown[-1])
    fixed = sum(column.width for column in shown if not column.flexible)
    flexible = sum(column.flexible for column in shown)
    left = max(1, width - GUTTER - fixed - GAP * (len(shown) - 1))
    found = []
    for column in shown:
        size = column.width
        if column.flexible:
            size = left // flexible
            left, flexible = left - size, flexible - 1
        found.append((column, max(1, min(size, width))))
    return found


class PagedTable(Widget):
    """Shows what it is given; which page it wants and what was chosen it says in messages."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "next row", show=False),
        Binding("up,k", "move(-1)", "previous row", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "next screen", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "previous screen", show=False),
        Binding("home,g", "head", "first row", show=False),
        Binding("end,G", "tail", "last row", show=False),
        Binding("enter", "open", "detail"),
        Binding("space", "mark", "mark"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "paged-table--title",
        "paged-table--cursor",
        "paged-table--marked",
        "paged-table--note",
    }
    DEFAULT_CSS = """
    PagedTable { height: 1fr; min-height: 2; }
    PagedTable > .paged-table--title { color: $text-muted; text-style: bold; }
    PagedTable > .paged-table--cursor { background: $surface-lighten-2; }
    PagedTable:focus > .paged-table--cursor { background: $primary-muted; text-style: bold; }
    PagedTable > .paged-table--marked { color: $accent; text-style: bold; }
    PagedTable > .paged-table--note { color: $text-muted; }
    """

    class PageWanted(Message):
        """Rows are needed."""

        def __init__(self, wanted: Wanted) -> None:
            super().__init__()
            self.wanted = wanted

    class Chosen(Message):
        """The cursor is on another row, or on none; opened: somebody wants to see all of it."""

        def __init__(self, item: Any | None, *, opened: bool = False) -> None:
            super().__init__()
            self.item = item
            self.opened = opened

    class Marked(Message):
        """Marks have changed."""

    def __init__(
        self,
        columns: tuple[TableColumn, ...],
        *,
        key_of: Callable[[Any], str],
        id_of: Callable[[Any], str],
        empty: str,
        whole: bool = False,
        id: str | None = None,  # noqa: A002 - textual's word
    ) -> None:
        super().__init__(id=id)
        self.columns = columns
        self.window = Window(key_of=key_of, id_of=id_of, whole=whole)
        self.note = ""
        self._empty = empty
        self._chosen: str | None = None
        self._layout: list[tuple[TableColumn, int]] = []
        self._measured = Size(0, 0)

    # ── values in ────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Another list: ask for its first page."""
        self.note = ""
        self.post_message(self.PageWanted(self.window.begin()))
        self.refresh()

    def again(self) -> None:
        """Ask once more for what is on the screen."""
        self._want(self.window.again())

    def give(self, wanted: Wanted, page: Page[Any]) -> None:
        """The answer to a PageWanted."""
        self.note = ""
        self.window.take(wanted, page)
        self._moved()

    def fail(self, wanted: Wanted, why: str) -> None:
        """There is no answer, and why."""
        self.window.failed(wanted)
        self.note = why
        self.refresh()

    def set_columns(self, columns: tuple[TableColumn, ...]) -> None:
        """Show other columns."""
        self.columns = columns
        self._measure(self.size)
        self._moved()

    # ── drawing ──────────────────────────────────────────────────────────────

    def on_resize(self, event: events.Resize) -> None:
        """Other columns fit, and other rows."""
        self._measure(event.size)
        self._moved()

    def _measure(self, size: Size) -> None:
        self._measured = size
        self._layout = widths_of(self.columns, size.width)
        self.window.resize(size.height - 2)

    def render_line(self, y: int) -> Strip:
        """The titles, rows, and a last line that says where we are."""
        width, height = self.size
        if width <= 0:
            return Strip.blank(width, PLAIN)
        if self._measured != self.size:
            # A widget that is shown right after it was made may be drawn without ever being told
            # its size; what it then lacks is asked for as soon as this line is drawn.
            self._measure(self.size)
            self.call_later(self._moved)
        if y == 0:
            return self._line(self._titles(), self._part("title"))
        if y == height - 1:
            return self._line([Segment(self.place(), PLAIN)], self._part("note"))
        index = self.window.top + y - 1
        if index < len(self.window.rows):
            return self._row(index)
        if y == 1 and not self.window.rows:
            words = self._empty if self.window.loaded else "…"
            shown = Segment(f"  {one_line(self.note or words)}", PLAIN)
            return self._line([shown], self._part("note"))
        return Strip.blank(width, PLAIN)

    def place(self) -> str:
        """Where in the list we are, what is marked, what is wrong."""
        window = self.window
        if self.note and window.rows:
            return f"  {one_line(self.note)}"
        if not window.rows:
            return ""
        parts = []
        of_all = "" if window.total is None else f" of {window.total:,}"
        if window.total is None and window.below is None and window.first_index is not None:
            of_all = f" of {window.first_index + len(window.rows):,}"
        if window.position is not None:
            parts.append(f"{window.position:,}{of_all}")
        elif of_all:
            parts.append(of_all.removeprefix(" of ") + " in all")
        if window.marked:
            parts.append(f"{len(window.marked):,} marked")
        newer = window.newer
        if newer is None:
            parts.append("▲ newer ones above")
        elif newer:
            parts.append(f"▲ {newer:,} above")
        return "  " + " · ".join(parts)

    def _titles(self) -> list[Segment]:
        cells = [_sized(column.title, size, right=column.right) for column, size in self._layout]
        return [Segment(" " * GUTTER + (" " * GAP).join(cells), PLAIN)]

    def _row(self, index: int) -> Strip:
        window = self.window
        item = window.rows[index]
        on_it = index == window.cursor
        is_marked = window.id_of(item) in window.marked
        gutter = ("▸" if on_it else " ") + ("*" if is_marked else " ")
        segments = [Segment(gutter, PLAIN)]
        for number, (column, size) in enumerate(self._layout):
            cell = column.sized(item, size) if column.sized else column.cell(item)
            text, words = (cell, "") if isinstance(cell, str) else cell
            shown = _sized(one_line(text[:CELL_CHARS_MAX]), size, right=column.right)
            if number:
                segments.append(Segment(" " * GAP, PLAIN))
            segments.append(Segment(shown, _style(words) if words else PLAIN))
        base = self._part("marked") if is_marked else PLAIN
        return self._line(segments, base + self._part("cursor") if on_it else base)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"paged-table--{name}", partial=True)

    def _line(self, segments: list[Segment], style: Style) -> Strip:
        width = self.size.width
        strip = Strip(segments).adjust_cell_length(width, PLAIN)
        return strip.apply_style(style)

    # ── wishes out ───────────────────────────────────────────────────────────

    def action_move(self, rows: int) -> None:
        """Another row; only what changes is drawn again, as long as the rows stand still."""
        window = self.window
        before = (window.top, window.rows)
        lines = {window.cursor - window.top + 1}
        window.move(rows)
        if before[0] == window.top and before[1] is window.rows:
            lines |= {window.cursor - window.top + 1, self.size.height - 1}
            self._moved(*(Region(0, line, self.size.width, 1) for line in lines))
        else:
            self._moved()

    def action_page(self, screens: int) -> None:
        """Another screen of rows."""
        self.action_move(screens * max(1, self.window.height - 1))

    def action_head(self) -> None:
        """The list's beginning."""
        self._want(self.window.to_head())
        self._moved()

    def action_tail(self) -> None:
        """The list's end."""
        self._want(self.window.to_tail())
        self._moved()

    def action_open(self) -> None:
        """All there is about the row."""
        if self.window.item is not None:
            self.post_message(self.Chosen(self.window.item, opened=True))

    def action_mark(self) -> None:
        """Mark the row, or take the mark back."""
        self.window.toggle_mark()
        self.post_message(self.Marked())
        self._moved()

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row, a second one opens it."""
        row = event.y - 1
        if 0 <= row < self.window.height and self.window.top + row < len(self.window.rows):
            self.window.choose(row)
            self._moved()
            if event.chain > 1:
                self.action_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the rows."""
        event.stop()
        self.window.scroll(3)
        self._moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the rows."""
        event.stop()
        self.window.scroll(-3)
        self._moved()

    def _moved(self, *regions: Region) -> None:
        self._want(self.window.wanted())
        item = self.window.item
        name = None if item is None else self.window.id_of(item)
        if name != self._chosen:
            self._chosen = name
            self.post_message(self.Chosen(item))
        self.refresh(*regions)

    def _want(self, wanted: Wanted | None) -> None:
        if wanted is not None:
            self.post_message(self.PageWanted(wanted))


def _sized(text: str, cells: int, *, right: bool) -> str:
    """The text in exactly so many cells; what does not fit is cut visibly."""
    length = cell_len(text)
    if length > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 1 else set_cell_size(text, cells)
    return " " * (cells - length) + text if right else text + " " * (cells - length)
