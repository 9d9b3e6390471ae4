"""A page of plain text beside or instead of a list: what is known about one thing.

Drawn line by line as the lists are, and not laid out: only what stands on the screen is looked
through for words that must not get out, wrapped and coloured, however long the page is.
"""

from __future__ import annotations

import re
from typing import ClassVar

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from fnr.api.plain_text import block
from fnr.tui.widgets.kept_lines import PLAIN, KeptLines

LINES_MAX = 600
LINE_CHARS_MAX = 4_000
# The line to the left with a space, and a space and a sign to the right.
EDGES = 4
# "state:     dead", "  rule         cuda/gpu-memory": a word, then what it says.
_LABEL = re.compile(r"^ {0,2}[a-z][\w \[\]./-]{0,22}?(:(?= )|(?=  ))")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def bounded(words: str) -> list[str]:
    """The lines of a page, those at its end that say nothing left out; not more than the bound."""
    lines = words.split("\n")
    more = len(lines) - LINES_MAX
    lines = lines[:LINES_MAX]
    while lines and not lines[-1].strip():
        lines.pop()
    noun = "line" if more == 1 else "lines"
    return [*lines, f"… and {more:,} more {noun}"] if more > 0 else lines


def as_text(line: str) -> Text:
    """A line with its label set off; bounded, and harmless whatever is in it."""
    shown = block(line)
    if len(shown) > LINE_CHARS_MAX:
        shown = f"{shown[:LINE_CHARS_MAX]}… ({len(shown):,} characters)"
    found = Text(shown)
    if match := (_TIME.match(shown) or _LABEL.match(shown)):
        found.stylize("bold" if _LABEL.match(shown) else "dim", 0, match.end())
    elif shown.lstrip().startswith("|"):
        found.stylize("dim")
    return found


class _Row(Struct, frozen=True):
    """A row as it is drawn, with the sign at its end that there is more above or below."""

    parts: tuple[tuple[str, Style], ...]
    sign: str
    edge: bool


class Story(KeptLines):
    """Shows the words it is given."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "lines(1)", "down", show=False),
        Binding("up,k", "lines(-1)", "up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "next screen", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "previous screen", show=False),
        Binding("home,g", "head", "top", show=False),
        Binding("end,G", "tail", "end", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"story--edge"}
    DEFAULT_CSS = """
    Story { height: 1fr; }
    Story > .story--edge { color: $panel; }
    Story:focus > .story--edge { color: $primary; }
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 - textual's word
        super().__init__(id=id)
        self.words = ""
        # Is there something to the left that it has to be set off from?
        self.edge = True
        self._lines: list[str] = []
        self._wrapped: dict[int, list[tuple[tuple[str, Style], ...]]] = {}
        self._fitted = Size(0, 0)
        # The line at the top, and which of its rows.
        self._top = (0, 0)
        self._rows: list[_Row] = []

    def show(self, words: str, *, again: bool = False) -> None:
        """Show these words, from their beginning; again: the same thing, as it is now."""
        if words == self.words:
            return
        self.words = words
        self._lines = bounded(words)
        self._wrapped = {}
        if not again:
            self._top = (0, 0)
        self._go(self._top)
        self.show_changes()

    def set_edge(self, there: bool) -> None:
        """Is there a list to its left?"""
        self.edge = there
        self._go(self._top)
        self.show_changes()

    # ── drawing ──────────────────────────────────────────────────────────────

    def fit(self, size: Size) -> None:
        """Wrap for another width, fill another height."""
        if size != self._fitted:
            if size.width != self._fitted.width:
                self._wrapped = {}
            self._fitted = size
            self._go(self._top)

    def content(self, y: int) -> _Row:
        """A row of a line, or nothing behind the last one."""
        return self._rows[y] if y < len(self._rows) else _Row((), " ", self.edge)

    def drawn(self, content: _Row) -> Strip:
        """The row between the edge and the sign."""
        row = Strip([Segment(text, style) for text, style in content.parts])
        edge = Segment("│ " if content.edge else "  ", self.part("story--edge"))
        room = max(0, self._fitted.width - EDGES)
        sign = Segment(f" {content.sign}", PLAIN)
        return Strip([edge, *row.adjust_cell_length(room, PLAIN), sign])

    def _visible(self) -> list[_Row]:
        (line, row), height = self._top, self._fitted.height
        found: list[tuple[tuple[str, Style], ...]] = []
        while line < len(self._lines) and len(found) <= height:
            found += self._rows_of(line)[row:]
            line, row = line + 1, 0
        signs = [" "] * height
        if signs and len(found) > height:
            signs[-1] = "▼"
        if signs and self._top > (0, 0):
            signs[0] = "▲"
        return [_Row(parts, sign, self.edge) for parts, sign in zip(found, signs, strict=False)]

    def _rows_of(self, line: int) -> list[tuple[tuple[str, Style], ...]]:
        if line not in self._wrapped:
            console, width = self.app.console, max(1, self._fitted.width - EDGES)
            rows = as_text(self._lines[line]).wrap(console, width, overflow="fold")
            self._wrapped[line] = [
                tuple((part.text, part.style or PLAIN) for part in row.render(console))
                for row in rows
            ] or [()]
        return self._wrapped[line]

    # ── moving ───────────────────────────────────────────────────────────────

    def action_lines(self, rows: int) -> None:
        """Some rows down or up."""
        self._go(self._moved(self._top, rows))
        self.show_changes()

    def action_page(self, screens: int) -> None:
        """A screen down or up, one row of it kept."""
        self.action_lines(screens * max(1, self._fitted.height - 1))

    def action_head(self) -> None:
        """The beginning."""
        self._go((0, 0))
        self.show_changes()

    def action_tail(self) -> None:
        """The end."""
        self._go((len(self._lines), 0))
        self.show_changes()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the rows."""
        event.stop()
        self.action_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the rows."""
        event.stop()
        self.action_lines(-3)

    def _go(self, top: tuple[int, int]) -> None:
        # Not laid out yet, or hidden: it has no width to wrap for; `fit` comes with one.
        if self._fitted.height:
            self._top = self._bound(top)
            self._rows = self._visible()

    def _moved(self, top: tuple[int, int], rows: int) -> tuple[int, int]:
        """So many rows further; not before the first nor behind the last line."""
        line, row = top[0], top[1] + rows
        while row < 0 and line > 0:
            line -= 1
            row += len(self._rows_of(line))
        while line < len(self._lines) and row >= (count := len(self._rows_of(line))):
            line, row = line + 1, row - count
        return (line, max(0, row)) if line < len(self._lines) else (len(self._lines), 0)

    def _bound(self, top: tuple[int, int]) -> tuple[int, int]:
        """Not so far down that the screen is not full."""
        return max((0, 0), min(top, self._moved((len(self._lines), 0), -self._fitted.height)))
