"""A screen before another one, which is still to be seen behind it, darker and live.

Textual draws and darkens the whole screen behind anew for every change before it and every second
that passes behind it. Here a line that says the same as before is as dark as it was.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.strip import Strip

from fnr.tui.widgets.kept_lines import PLAIN

Result = TypeVar("Result")


class Veiled(ModalScreen[Result]):
    """Has neither border nor padding; its background is the veil."""

    def __init__(self) -> None:
        super().__init__()
        self._darkened: dict[int, tuple[list[Segment], Strip]] = {}
        self._moved: set[int] = set()
        self._drawn_for = Size(0, 0)

    def refresh(self, *regions: Region, **more: Any) -> Self:
        """Also asked for by the screen behind, with what has changed there."""
        for region in regions or (self.size.region,):
            self._moved.update(region.line_range)
        return super().refresh(*regions, **more)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines behind, of which only those that may be others are looked at."""
        if self.size != self._drawn_for:
            self._drawn_for = self.size
            self._darkened.clear()
        wanted = self._moved.union(set(crop.line_range) - self._darkened.keys())
        if wanted:
            self._look(wanted)
        # The screen behind may not have grown yet.
        nothing: tuple[list[Segment], Strip] = ([], Strip.blank(self.size.width, PLAIN))
        lines = [self._darkened.get(y, nothing)[1] for y in crop.line_range]
        return [line.crop(*crop.column_span) for line in lines]

    def _look(self, wanted: set[int]) -> None:
        self._moved.clear()
        behind = self.app.screen_stack[self.app.screen_stack.index(self) - 1]
        veil, filters = self.styles.background, self.get_line_filters()
        # Of a screen Textual gives its lines to nobody else; its own veil goes this way, too.
        lines = behind._compositor.render_strips(self.size)  # noqa: SLF001 - the only way
        for y, line in enumerate(lines):
            segments = list(line.adjust_cell_length(self.size.width, PLAIN))
            if y in wanted and self._darkened.get(y, ([], None))[0] != segments:
                strip = Strip(BackgroundScreen.process_segments(segments, veil))
                for one in filters:
                    strip = strip.apply_filter(one, veil)
                self._darkened[y] = segments, strip
