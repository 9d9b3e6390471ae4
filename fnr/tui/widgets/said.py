"""The last thing that was said to whoever looks, for a while."""

from __future__ import annotations

from rich.text import Text
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from fnr.api.plain_text import one_line

SHOWN_S = 12.0


class Said(Widget):
    """One line above the keys; gone by itself."""

    words: reactive[str] = reactive("")

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 - textual's word
        super().__init__(id=id)
        self._timer: Timer | None = None

    def say(self, words: str, *, bad: bool = False) -> None:
        """Say it; what was said before is gone."""
        self.words = ""
        self.words = one_line(words)
        self.set_class(bad, "-bad")
        self.add_class("-open")
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SHOWN_S, self.fall_silent)

    def unsay(self, words: str) -> None:
        """It is not so any more; what was said since then stays."""
        if self.words == one_line(words):
            self.fall_silent()

    def fall_silent(self) -> None:
        """What was said is gone."""
        self.remove_class("-open")

    def render(self) -> Text:
        """As much as fits."""
        sign = "! " if self.has_class("-bad") else ""
        found = Text(f"{sign}{self.words}", no_wrap=True)
        found.truncate(max(0, self.size.width), overflow="ellipsis")
        return found
