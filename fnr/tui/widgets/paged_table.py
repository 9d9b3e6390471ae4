"""A table over a list of any length: draws the rows on the screen, and asks for those it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, ClassVar

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from fnr.api.plain_text import one_line
from fnr.policy.record import Page
from fnr.tui.widgets.kept_lines import PLAIN, KeptLines
from fnr.tui.widgets.wanted import Wanted
from fnr.tui.widgets.window import Window

GAP = 2
GUTTER = 2
FLEXIBLE_MIN = 14
# Longer than any screen is wide.
CELL_CHARS_MAX = 500

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


class _Title(Struct, frozen=True):
    """The line above the rows."""


class _Note(Struct, frozen=True):
    """Words about the list."""

    words: str


class _Row(Struct, frozen=True):
    """A row: is the cursor on it, is it marked, its cells."""

    on_it: bool
    marked: bool
    cells: tuple[tuple[str, str], ...]


class PagedTable(KeptLines):
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
        self._filter = ""
        self._empty = empty
        self._chosen: str | None = None
        self._layout: list[tuple[TableColumn, int]] = []
        self._measured = Size(0, 0)

    # ── values in ────────────────────────────────────────────────────────────

    def begin(self, *, where: str = "") -> None:
        """Another list, of what this filter finds: ask for its first page."""
        self.note, self._filter = "", where
        self.post_message(self.PageWanted(self.window.begin()))
        self.show_changes()

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
        self.show_changes()

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
        self.forget()
        self.window.resize(size.height - 2)

    def fit(self, size: Size) -> None:
        """A widget that is shown right after it was made may be drawn without being told its size.

        What it then lacks is asked for as soon as it is drawn.
        """
        if self._measured != size:
            self._measure(size)
            self.call_later(self._moved)

    def content(self, y: int) -> Struct:
        """The titles, rows, and a last line that says where we are."""
        if y == 0:
            return _Title()
        if y == self._measured.height - 1:
            return _Note(self.place())
        window = self.window
        index = window.top + y - 1
        if index < len(window.rows):
            return self._row(index)
        if y == 1 and not window.rows:
            return _Note(f"  {one_line(self.note or self._why_empty())}")
        return _Note("")

    def _why_empty(self) -> str:
        if not self.window.complete:
            return "… still looking" if self.window.loaded else "…"
        return f"nothing fits {self._filter}; esc shows all" if self._filter else self._empty

    def place(self) -> str:
        """Where in the list we are, what is marked, what is left out, what is wrong."""
        window = self.window
        if self.note and window.rows:
            return f"  {one_line(self.note)}"
        if not window.rows:
            return ""
        parts = []
        of_all = "" if window.count is None else f" of {window.count:,}"
        if window.position is not None:
            parts.append(f"{window.position:,}{of_all}")
        elif of_all:
            parts.append(of_all.removeprefix(" of ") + " in all")
        if window.everything:
            parts.append("all marked")
        elif window.marked:
            parts.append(f"{len(window.marked):,} marked")
        newer = window.newer
        if newer is None:
            parts.append("▲ newer ones above")
        elif newer:
            parts.append(f"▲ {newer:,} above")
        if self._filter:
            parts.append(f"only {one_line(self._filter)}")
        return "  " + " · ".join(parts)

    def _row(self, index: int) -> _Row:
        window = self.window
        item = window.rows[index]
        cells = []
        for column, size in self._layout:
            cell = column.sized(item, size) if column.sized else column.cell(item)
            text, words = (cell, "") if isinstance(cell, str) else cell
            cells.append((text[:CELL_CHARS_MAX], words))
        marked = window.everything or window.id_of(item) in window.marked
        return _Row(index == window.cursor, marked, tuple(cells))

    def drawn(self, content: Any) -> Strip:
        """Cells with their styles, under that of the line."""
        match content:
            case _Row(on_it, marked, cells):
                style = self._part("marked") if marked else PLAIN
                style = style + self._part("cursor") if on_it else style
                gutter = ("▸" if on_it else " ") + ("*" if marked else " ")
                segments = [Segment(gutter, PLAIN), *self._segments(cells)]
            case _Note(words):
                shown = _sized(words, self._measured.width, right=False)
                style, segments = self._part("note"), [Segment(shown, PLAIN)]
            case _:
                style = self._part("title")
                titles = [(column.title, "") for column, _ in self._layout]
                segments = [Segment(" " * GUTTER, PLAIN), *self._segments(titles)]
        return Strip(segments).adjust_cell_length(self._measured.width, PLAIN).apply_style(style)

    def _segments(self, cells: Iterable[tuple[str, str]]) -> Iterator[Segment]:
        for number, ((text, words), (column, size)) in enumerate(
            zip(cells, self._layout, strict=True)
        ):
            if number:
                yield Segment(" " * GAP, PLAIN)
            shown = _sized(one_line(text), size, right=column.right)
            yield Segment(shown, _style(words) if words else PLAIN)

    def _part(self, name: str) -> Style:
        return self.part(f"paged-table--{name}")

    # ── wishes out ───────────────────────────────────────────────────────────

    def action_move(self, rows: int) -> None:
        """Another row."""
        self.window.move(rows)
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

    def _moved(self) -> None:
        self._want(self.window.wanted())
        item = self.window.item
        name = None if item is None else self.window.id_of(item)
        if name != self._chosen:
            self._chosen = name
            self.post_message(self.Chosen(item))
        self.show_changes()

    def _want(self, wanted: Wanted | None) -> None:
        if wanted is not None:
            self.post_message(self.PageWanted(wanted))


def _sized(text: str, cells: int, *, right: bool) -> str:
    """The text in exactly so many cells; what does not fit is cut visibly."""
    length = cell_len(text)
    if length > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 1 else set_cell_size(text, cells)
    return " " * (cells - length) + text if right else text + " " * (cells - length)
