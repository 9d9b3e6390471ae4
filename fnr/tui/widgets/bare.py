"""Widgets that only hold others: drawn as one blank line, as often as they are high.

Textual draws every line of every container, filters it and cuts it to pieces, though what the
container holds stands before it: with five of them behind a list that was half of each repaint.
"""

from __future__ import annotations

from rich.style import Style
from textual.color import Color
from textual.containers import Container, Horizontal
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


class Bare(Widget):
    """Has neither border nor padding nor words; comes behind the container among the bases."""

    _blank: tuple[int, Color, Strip] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The same line, which Textual so cuts only once."""
        background = self.background_colors[1]
        if self._blank is None or self._blank[:2] != (crop.width, background):
            strip = Strip.blank(crop.width, Style(bgcolor=background.rich_color))
            for one in self.get_line_filters():
                strip = strip.apply_filter(one, background)
            self._blank = crop.width, background, strip
        return [self._blank[2]] * crop.height


class BareContainer(Container, Bare):
    """Holds others."""


class BareHorizontal(Horizontal, Bare):
    """Holds others side by side."""


class Ground(Screen[None], Bare):
    """The screen on which everything stands."""
