"""A page of plain text beside or instead of a list: what is known about one thing."""

from __future__ import annotations

import re
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from fnr.api.plain_text import block

LINES_MAX = 600
LINE_CHARS_MAX = 4_000
# "state:     dead", "  rule         cuda/gpu-memory": a word, then what it says.
_LABEL = re.compile(r"^ {0,2}[a-z][\w \[\]./-]{0,22}?(:(?= )|(?=  ))")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def as_text(words: str) -> Text:
    """Words with their labels set off; bounded, and harmless whatever is in them."""
    found = Text()
    lines = words.split("\n")
    for line in lines[:LINES_MAX]:
        shown = block(line)
        if len(shown) > LINE_CHARS_MAX:
            shown = f"{shown[:LINE_CHARS_MAX]}… ({len(shown):,} characters)"
        part = Text(shown + "\n")
        if match := (_TIME.match(shown) or _LABEL.match(shown)):
            part.stylize("bold" if _LABEL.match(shown) else "dim", 0, match.end())
        elif shown.lstrip().startswith("|"):
            part.stylize("dim")
        found.append_text(part)
    if len(lines) > LINES_MAX:
        found.append(f"… and {len(lines) - LINES_MAX:,} more lines\n", "italic")
    found.rstrip()
    return found


class Story(VerticalScroll):
    """Shows the words it is given."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "end", show=False),
    ]
    DEFAULT_CSS = """
    Story { padding: 0 1; scrollbar-size-vertical: 1; }
    Story > Static { width: 1fr; }
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 - textual's word
        super().__init__(id=id)
        self.words = ""
        self._page = Static("")

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._page

    def show(self, words: str, *, again: bool = False) -> None:
        """Show these words, from their beginning; again: the same thing, as it is now."""
        if words == self.words:
            return
        self.words = words
        self._page.update(as_text(words))
        if not again:
            self.scroll_home(animate=False)
