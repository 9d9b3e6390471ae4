"""Lines that are drawn once: what says the same goes out as it was, and only what changed is sent.

Textual renders a widget's lines by their place, so that a list that scrolls by one row is drawn
anew from top to bottom. Here a line is known by what it says: wherever that stands next, it is
ready, down to the bytes for the terminal.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

# Never None: the filter for NO_COLOR asks every style for its colour.
PLAIN = Style.null()
# Several screens full; what is forgotten is only drawn again.
READY_MAX = 1_000


class KeptLines(Widget):
    """Has neither border nor padding; `show_changes` says that what it shows may be another."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - textual's word
        super().__init__(id=id)
        self._ready: dict[Hashable, Strip] = {}
        self._shown: dict[int, tuple[Hashable, Strip]] = {}
        self._stale: set[int] = set()
        self._parts: dict[str, Style] = {}
        # To ask for them is dearer than to draw a line.
        self._filtered: tuple[Sequence[LineFilter], Color] | None = None
        self._drawn_for = -1

    def fit(self, size: Size) -> None:
        """Take note of the size, of which `content` and `drawn` may be asked next."""

    def content(self, y: int) -> Hashable:
        """What stands on a line; two that are equal look the same."""
        raise TypeError(f"{type(self).__name__} says nothing on line {y}")

    def drawn(self, content: Any) -> Strip:
        """The line that says it, of any length."""
        raise TypeError(f"{type(self).__name__} does not draw {content}")

    def part(self, name: str) -> Style:
        """The style of a component class; asked of Textual once."""
        if name not in self._parts:
            self._parts[name] = self.get_component_rich_style(name, partial=True)
        return self._parts[name]

    def show_changes(self) -> None:
        """Send those lines again that say something else than they did."""
        width, height = size = self.size
        self.fit(size)
        changed = [y for y in range(height) if self._says_other(y)]
        if changed:
            self._stale.update(changed)
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def refresh(self, *regions: Region, repaint: bool = True, **more: bool) -> Self:
        """All of it: perhaps in other styles, so nothing that was drawn is kept."""
        if repaint and not regions:
            self.forget()
        return super().refresh(*regions, repaint=repaint, **more)

    def forget(self) -> None:
        """Draw everything anew."""
        self._ready.clear()
        self._shown.clear()
        self._parts.clear()
        self._filtered = None

    def render_line(self, y: int) -> Strip:
        """One line as it is now."""
        self.fit(self.size)
        return self._made(self.content(y), self.size.width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """What is known is not made again; past Textual's cache by place, which would."""
        size = self.size
        width = size.width
        if width != self._drawn_for:
            self._drawn_for = width
            self.forget()
        self.fit(size)
        strips = [self._line(y, width) for y in crop.line_range]
        if crop.column_span != (0, width):
            return [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _says_other(self, y: int) -> bool:
        shown = self._shown.get(y)
        return shown is None or shown[0] != self.content(y)

    def _line(self, y: int, width: int) -> Strip:
        # What is not sent now must stay what was sent, or nobody would know that it differs.
        if y in self._shown and y not in self._stale:
            return self._shown[y][1]
        content = self.content(y)
        if content not in self._ready:
            if len(self._ready) >= READY_MAX:
                self._ready.clear()
            strip = self._made(content, width)
            if self._filtered is None:
                self._filtered = self.get_line_filters(), self.background_colors[1]
            for one in self._filtered[0]:
                strip = strip.apply_filter(one, self._filtered[1])
            self._ready[content] = strip
        self._stale.discard(y)
        self._shown[y] = content, self._ready[content]
        return self._shown[y][1]

    def _made(self, content: Hashable, width: int) -> Strip:
        return self.drawn(content).adjust_cell_length(width, PLAIN)
