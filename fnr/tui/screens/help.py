"""The help page: every key that does something here, and what the signs mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from fnr.tui.looks import LOOKS
from fnr.tui.screens.veiled import Veiled

SIGNS = ("running", "queued", "waiting", "done", "dead", "new", "resolved", "paused", "unknown")
NOTES = (
    "Small letters look, capital letters change something; before anything is changed you see",
    "the exact command, and Cancel has the focus.",
    "A filter is what --where takes: state:dead function:render-* message~'out of memory' age<1h;",
    "fnr help filters has the whole language.",
    "y and Y copy through the terminal (OSC 52): over SSH too, in tmux with set-clipboard on.",
    "To select text with the mouse, hold Shift while you drag.",
)

# What is done -> the keys that do it.
Keys = Mapping[str, Sequence[str]]
KEYS_CELLS = 18


class HelpPage(Veiled[None]):
    """Goes away at any of the keys that close things."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "close")
    ]
    DEFAULT_CSS = """
    HelpPage { align: center middle; background: $background 60%; }
    HelpPage > VerticalScroll {
        width: 100%; max-width: 100; height: auto; max-height: 100%;
        padding: 0 2; border: round $primary; background: $surface;
    }
    """

    def __init__(self, name: str, here: Keys, everywhere: Keys) -> None:
        super().__init__()
        self._view = name
        self._here = here
        self._everywhere = everywhere

    def compose(self) -> ComposeResult:
        """Keys here, keys everywhere, signs."""
        with VerticalScroll() as box:
            box.border_title = f"help: {self._view}"
            yield Static(self.words())

    def words(self) -> Text:
        """All of it as text."""
        found = Text()
        for title, lines in ((f"on {self._view}", self._here), ("everywhere", self._everywhere)):
            found.append(f"{title}\n", "bold")
            for words, keys in lines.items():
                found.append(f"  {' '.join(keys):<{KEYS_CELLS}} ", "bold").append(f"{words}\n")
            found.append("\n")
        for note in NOTES:
            found.append(f"{note}\n")
        found.append("\nsigns  ", "bold")
        for state in SIGNS:
            found.append(f"{LOOKS[state].sign} {state}   ", LOOKS[state].style)
        return found
